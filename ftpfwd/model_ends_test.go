package ftpfwd

import (
	"bytes"
	"strings"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// transfers checks what became of the data.
func (m *model) transfers() {
	for _, p := range m.passages {
		t := p.transfer
		if t == nil {
			continue
		}
		s := m.server.served[p.step.tag]
		if s == nil {
			m.plan.assert(p.code/100 != 2, "%q succeeds without data", p.raw)
			continue
		}
		from, to, end := s.data, t.data, t.ended
		if p.step.upload {
			from, to, end = t.data, s.data, s.ended
		}
		m.plan.assert(!p.ready || bytes.HasPrefix(from, to), "%q: data that was not sent", p.raw)
		if p.code/100 == 2 && !t.aborted && (t.alone || !t.guessed) {
			m.plan.assert(p.step.fault != faultLost || !t.opened, "%q succeeds, but was lost", p.raw)
			m.plan.assert(!(p.step.upload && t.reset), "%q succeeds, but was reset", p.raw)
			m.plan.assert(t.reset || (!t.opened && !p.ready) || (p.step.fault == faultAbsent && !p.step.upload) || end && len(from) == len(to), "%q succeeds with %d of %d bytes, end %v", p.raw, len(to), len(from), end)
		}
		m.plan.assert(!s.stray || m.brokeOff, "%q is aborted", p.raw)
		if p.step.fault == faultNone && !m.cut && p.ready && !s.stray {
			m.plan.assert(p.code/100 == 2, "%q fails with %d", p.raw, p.code)
		}
	}
	m.checkEvents()
}

// checkEvents checks what was told of the session and its transfers.
func (m *model) checkEvents() {
	assert.Len(m.t, m.events(SessionClosed), 1)
	told := make(map[string]Transfer)
	for _, e := range m.events(TransferEnded) {
		t := e.Transfer
		key := strings.ToUpper(t.Command) + " " + t.File
		_, twice := told[key]
		m.plan.assert(!twice, "%q ends twice", key)
		told[key] = t
	}
	for _, p := range m.passages {
		if p.transfer == nil {
			continue
		}
		c := parseCommand(p.raw)
		t, ok := told[c.verb+" "+c.argument]
		delete(told, c.verb+" "+c.argument)
		m.plan.assert(ok == (p.heard != nil) || m.cut, "%q: told %v, heard %v", p.raw, ok, p.heard != nil)
		if ok && !m.cut {
			m.plan.assert((t.Err == nil) == (p.code/100 == 2), "%q: the client hears %d, told is %v", p.raw, p.code, t.Err)
			m.plan.assert(t.Reply == p.code, "%q: the client hears %d, told is %d", p.raw, p.code, t.Reply)
		}
	}
	m.plan.assert(len(told) == 0, "transfers that nobody asked for: %v", told)
}

// addresses checks that nobody was connected to but the two.
func (m *model) addresses() {
	for _, a := range m.remote.dialled {
		m.plan.assert(a == "localhost:21" || m.server.named[a], "%s is dialled", a)
	}
	own := make(map[string]bool)
	for _, p := range m.client.waiting {
		own[addrOf(p.listener.Addr()).String()] = true
	}
	for _, a := range m.local.dialled {
		m.plan.assert(own[a], "%s is dialled", a)
	}
}

// closed checks that nothing is left.
func (m *model) closed() {
	m.stopServing()
	synctest.Wait()
	_ = m.controlListener.Close()
	for name, n := range map[string]interface{ Open() (int, int) }{"near": m.near, "far": m.far} {
		listeners, conns := n.Open()
		m.plan.assert(listeners == 0 && conns == 0, "%s: %d listeners and %d connections are left", name, listeners, conns)
	}
}
