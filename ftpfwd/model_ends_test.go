package ftpfwd

import (
	"bytes"
	"strings"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// transfers checks the data that arrived.
func (m *model) transfers() {
	for _, x := range m.exchanges {
		t := x.transfer
		if t == nil {
			continue
		}
		s := m.server.transfers[x.step.tag]
		m.leftBehind(x, s)
		if s == nil {
			m.plan.assert(x.code/100 != 2, "%q succeeds without data", x.raw)
			continue
		}
		from, to, end := s.data, t.data, t.whole
		if x.step.upload {
			from, to, end = t.data, s.data, s.whole
		}
		m.plan.assert(!x.accepted || bytes.HasPrefix(from, to), "%q: data that was not sent", x.raw)
		if x.code/100 == 2 && !t.aborted && (t.alone || !t.defaultPort) {
			m.plan.assert(x.step.fault != faultLost || !t.connected, "%q succeeds, but its data connection failed", x.raw)
			m.plan.assert(!(x.step.upload && t.wasReset), "%q succeeds, but was reset", x.raw)
			m.plan.assert(t.wasReset || (!t.connected && !x.accepted) || (x.step.fault == faultAbsent && !x.step.upload) || end && len(from) == len(to), "%q succeeds with %d of %d bytes, end %v", x.raw, len(to), len(from), end)
		}
		if x.step.upload && s.whole {
			m.plan.assert(s.informed || !t.wasReset, "%q was reset, and its data ends before the server is sent an ABOR", x.raw)
			m.plan.assert(s.informed || !t.whole || len(from) == len(to), "%q: %d of %d bytes, and their end", x.raw, len(to), len(from))
		}
		m.plan.assert(!s.abortedByMistake || m.abortsSent, "%q is aborted in place of another", x.raw)
		if x.step.fault == faultNone && !m.interrupted && x.accepted && !s.abortedByMistake {
			m.plan.assert(x.code/100 == 2, "%q fails with %d", x.raw, x.code)
		}
	}
	m.checkEvents()
}

// checkEvents checks the events about the session and its transfers.
func (m *model) checkEvents() {
	assert.Len(m.t, m.events(SessionClosed), 1)
	reported := make(map[string]Transfer)
	for _, e := range m.events(TransferEnded) {
		t := e.Transfer
		key := strings.ToUpper(t.Command) + " " + t.File
		_, twice := reported[key]
		m.plan.assert(!twice, "%q ends twice", key)
		reported[key] = t
	}
	for _, x := range m.exchanges {
		if x.transfer == nil {
			continue
		}
		c := parseCommand(x.raw)
		t, ok := reported[c.verb+" "+c.argument]
		delete(reported, c.verb+" "+c.argument)
		m.plan.assert(ok == (x.received != nil) || m.interrupted, "%q: reported %v, received by the server %v", x.raw, ok, x.received != nil)
		if ok && !m.interrupted {
			m.plan.assert((t.Err == nil) == (x.code/100 == 2), "%q: the client receives %d, the event has %v", x.raw, x.code, t.Err)
			m.plan.assert(t.Reply == x.code, "%q: the client receives %d, the event has %d", x.raw, x.code, t.Reply)
		}
	}
	m.plan.assert(len(reported) == 0, "transfers that the client did not command: %v", reported)
}

// addresses checks that only the client and the server were dialled.
func (m *model) addresses() {
	for _, a := range m.remote.dialled {
		m.plan.assert(a == "localhost:21" || m.server.announced[a], "%s is dialled", a)
	}
	own := make(map[string]bool)
	for _, x := range m.client.paths {
		own[addrOf(x.listener.Addr()).String()] = true
	}
	for _, a := range m.local.dialled {
		m.plan.assert(own[a], "%s is dialled", a)
	}
}

// closed checks that every listener and connection is closed.
func (m *model) closed() {
	m.stopServing()
	synctest.Wait()
	_ = m.controlListener.Close()
	for name, n := range map[string]interface{ Open() (int, int) }{"near": m.near, "far": m.far} {
		listeners, conns := n.Open()
		m.plan.assert(listeners == 0 && conns == 0, "%s: %d listeners and %d connections are open", name, listeners, conns)
	}
}
