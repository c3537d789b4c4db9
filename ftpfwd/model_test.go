package ftpfwd

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// A passage is one command of the client's with what became of it.
type passage struct {
	*asked
	tries []*heard // in which a way to the server was sought
	heard *heard   // the command itself; nil if the server has not heard it
	code  int      // that the client heard last
	ready bool     // a way for this transfer alone was asked for, and granted
}

// A model is what the client must hear, and the server.
type model struct {
	*conversation
	passages []*passage
	rest     string // what the client has heard, as far as it is not explained
	ended    bool   // that was all of it
	brokeOff bool   // the server has heard an ABOR of the forwarder's
}

// check compares what happened with what must.
func (c *conversation) check() {
	m := &model{conversation: c, rest: string(c.client.heard)}
	m.commands()
	if !c.t.Failed() {
		m.replies()
	}
	if !c.t.Failed() {
		m.transfers()
	}
	m.addresses()
	m.closed()
	if c.t.Failed() {
		c.t.Log(m.transcript())
	}
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Errorf(format, args...)
}

// commands explains every line that the server has heard: the client's own, in
// their order, and those of a translation and of a broken upload.
func (m *model) commands() {
	var lines []*heard
	ours, granted := 0, false
	for _, h := range m.server.heard {
		if h.raw == "ABOR\r\n" { // the client writes it in another way
			ours++
			m.brokeOff = true
		} else {
			lines = append(lines, h)
		}
	}
	for _, a := range m.client.asked {
		p := &passage{asked: a}
		m.passages = append(m.passages, p)
		switch a.kind {
		case askedRefused:
			continue
		case askedPrepare:
			p.tries, lines = m.tries(lines, a)
			granted = len(p.tries) > 0 && p.tries[len(p.tries)-1].final/100 == 2
			continue
		case askedMove:
			if p.ready = a.transfer.fresh && granted; !p.ready {
				lines = m.unprepared(p, lines)
			}
			if a.step.upload && m.mayFail(p) {
				ours--
			}
			if len(lines) == 0 || lines[0].raw != string(a.raw) {
				continue // it was answered here
			}
		}
		want := a.raw[telnetPrefix(a.raw):]
		switch {
		case len(lines) > 0 && lines[0].raw == string(want):
			p.heard, lines = lines[0], lines[1:]
		case len(lines) > 0:
			m.fail("the server hears %.100q, where the client says %.100q", lines[0].raw, want)
			return
		case !m.cut:
			m.fail("the server does not hear %.100q", want)
			return
		}
	}
	if len(lines) > 0 {
		m.fail("the server hears %.100q, which the client does not say", lines[0].raw)
	}
	m.plan.assert(ours <= 0 || m.cut, "the server hears %d ABOR too many", ours)
}

// unprepared takes the lines in which the server is asked for a way that the
// client has not asked for, before the command of p.
func (m *model) unprepared(p *passage, lines []*heard) []*heard {
	tries, rest := m.tries(lines, p.asked)
	if len(tries) > 0 && p.step.restart && len(rest) > 0 && rest[0].raw == "REST 100\r\n" {
		rest = rest[1:]
	}
	if (len(rest) > 0 && rest[0].raw == string(p.raw)) || (len(rest) == 0 && m.cut) {
		p.tries = tries
		return rest
	}
	return lines // they were for another
}

// tries takes the lines in which the server is asked for a way.
func (m *model) tries(lines []*heard, a *asked) (tries, rest []*heard) {
	asked := ""
	if a.kind == askedPrepare {
		asked = a.step.prepare
	}
	for len(lines) > 0 && len(tries) < m.plan.ways(asked) {
		h := lines[0]
		c := parseCommand([]byte(h.raw))
		switch {
		case c.kind() != verbPassive && c.kind() != verbActive:
			return tries, lines
		case a.kind == askedMove && c.kind() == verbPassive && h.raw != c.verb+"\r\n":
			return tries, lines
		case c.kind() == verbPassive && h.raw != c.verb+"\r\n":
			m.plan.assert(len(tries) == 0 && h.raw == string(a.raw), "the server hears %q where the client says %q", h.raw, a.raw)
		}
		tries, lines = append(tries, h), lines[1:]
		if h.final/100 == 2 || aboutLogin(h.final) {
			break
		}
	}
	return tries, lines
}

// replies explains every byte that the client has heard.
func (m *model) replies() {
	m.exact(chunk{text: m.plan.greeting})
	for _, p := range m.passages {
		switch {
		case m.ended || m.t.Failed():
			return
		case p.kind == askedNothing:
		case p.kind == askedRefused:
			m.own(p, p.step.line[:4])
		case p.kind == askedPrepare:
			m.prepared(p)
		case p.kind == askedMove:
			m.moved(p)
		case p.heard == nil:
			m.over(fmt.Sprintf("an answer to %.100q", p.raw))
		default:
			m.exact(p.heard.said...)
			p.code = p.heard.final
		}
	}
	if !m.ended && m.rest != "" && !m.t.Failed() {
		m.over("nothing more")
	}
}

// over says that the client hears no more, or only the reason.
func (m *model) over(want string) {
	m.ended = true
	reason := strings.HasPrefix(m.rest, "421 ") && strings.Count(m.rest, "\n") == 1
	if !m.cut || (m.rest != "" && !reason) {
		m.fail("the client hears %.300q, not %.300q", m.rest, want)
	}
}

// hears reports whether the client hears chunks next, and takes them.
func (m *model) hears(chunks ...chunk) bool {
	rest := m.rest
	for _, c := range chunks {
		if c.hidden {
			continue
		}
		var ok bool
		if rest, ok = strings.CutPrefix(rest, c.text); !ok {
			return false
		}
		if c.numbers == "" {
			continue
		}
		numbers := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789,"))]
		if rest, ok = strings.CutPrefix(rest[len(numbers):], c.rest); !ok {
			return false
		}
		m.ours(numbers)
	}
	m.rest = rest
	return true
}

// ours checks that numbers name a listener of the forwarder's.
func (m *model) ours(numbers string) {
	port, err := strconv.Atoi(numbers)
	if err != nil {
		at, err := parseHostPort(numbers)
		m.plan.assert(err == nil, "%q: %v", numbers, err)
		host := addrOf(m.client.conn.RemoteAddr()).Addr()
		m.plan.assert(at.Addr() == host || (host.Is6() && at.Addr() == netip.IPv4Unspecified()), "a 227 names %v", at)
		port = int(at.Port())
	}
	m.plan.assert(m.local.listened[uint16(port)], "the client is told %q, where nobody listens", numbers)
}

func (m *model) exact(chunks ...chunk) {
	if m.hears(chunks...) {
		return
	}
	for m.cut && len(chunks) > 1 && m.hears(chunks[0]) {
		chunks = chunks[1:] // the end of it has not come
	}
	want := ""
	for _, c := range chunks {
		want += c.text + c.numbers + c.rest
	}
	n := 0
	for n < len(want) && n < len(m.rest) && want[n] == m.rest[n] {
		n++
	}
	if m.cut && (n == len(m.rest) || strings.HasPrefix(m.rest[n:], "421 ")) {
		m.rest = m.rest[n:]
	}
	m.over(want)
}

// own takes a reply of the forwarder's own, of one line.
func (m *model) own(p *passage, code string) {
	line, rest, ok := strings.Cut(m.rest, "\n")
	if !ok || !strings.HasPrefix(line, code) || (m.cut && strings.HasPrefix(line, "421 ") && rest == "") {
		m.over(fmt.Sprintf("%s for %.100q", code, p.raw))
		return
	}
	p.code, _ = strconv.Atoi(line[:3])
	m.rest = rest
	if strings.HasPrefix(code, "227") || strings.HasPrefix(code, "229") {
		a, found := findAnnouncement(p.code, line[4:])
		m.plan.assert(found, "the client hears %q", line)
		m.ours(line[4+a.start : 4+a.end])
	}
}

// prepared explains the answer to PASV, EPSV, PORT or EPRT.
func (m *model) prepared(p *passage) {
	asked := p.step.prepare[:4]
	if len(p.tries) == 0 {
		m.own(p, "425 ")
		return
	}
	last := p.tries[len(p.tries)-1]
	native := parseCommand([]byte(last.raw)).verb == asked
	switch {
	case last.final == 0:
		m.over("an answer to " + asked)
	case last.final/100 == 2 && !native:
		m.own(p, map[string]string{"PASV": "227 ", "EPSV": "229 ", "PORT": "200 ", "EPRT": "200 "}[asked])
	case last.final/100 == 2, aboutLogin(last.final):
		m.exact(last.said...)
		p.code = last.final
	default: // the server's words, in one line, if it was asked in the client's
		code := 425
		for _, h := range p.tries {
			if parseCommand([]byte(h.raw)).verb == asked {
				code = h.final
			}
		}
		m.own(p, fmt.Sprint(code))
	}
}

// mayFail reports whether the forwarder may say that a transfer has failed.
func (m *model) mayFail(p *passage) bool {
	f := p.step.fault
	return !p.ready || m.cut || f == faultReset || f == faultAbort || f == faultAbsent || f == faultLost
}

// moved explains the answers to a transfer command.
func (m *model) moved(p *passage) {
	if p.heard == nil {
		if m.cut && !strings.HasPrefix(m.rest, "425 ") {
			m.over("an answer to the transfer")
			return
		}
		m.own(p, "425 cannot open the data connection")
		m.plan.assert(m.mayFail(p), "%q is refused", p.raw)
		return
	}
	var begin, final []chunk
	for _, c := range p.heard.said {
		if c.final {
			final = append(final, c)
		} else {
			begin = append(begin, c)
		}
	}
	failed := "426 transfer failed"
	if !m.hears(begin...) && !(m.mayFail(p) && strings.HasPrefix(m.rest, failed)) {
		m.exact(begin...)
		return
	}
	switch {
	case m.mayFail(p) && strings.HasPrefix(m.rest, failed):
		m.own(p, failed)
	case final == nil:
		m.over("the end of a transfer")
	default:
		m.exact(final...)
		if !m.ended {
			p.code = p.heard.final
		}
	}
}

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
	m.events()
}

// events checks what was told of the session and its transfers.
func (m *model) events() {
	assert.Len(m.t, m.told(SessionEnded), 1)
	told := make(map[string]Transfer)
	for _, e := range m.told(TransferEnded) {
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
	_ = m.serverListen.Close()
	for name, n := range map[string]interface{ Open() (int, int) }{"near": m.near, "far": m.far} {
		listeners, conns := n.Open()
		m.plan.assert(listeners == 0 && conns == 0, "%s: %d listeners and %d connections are left", name, listeners, conns)
	}
}

// transcript tells what was said and heard.
func (m *model) transcript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan: mode %s, ipv6 %v, refuses %v with %q, one shot %v, abort %d, cut %v\n", m.plan.mode, m.plan.ipv6, m.plan.refuses, m.plan.refusal, m.plan.oneShot, m.plan.abortReply, m.cut)
	for _, e := range m.told(Said) {
		fmt.Fprintf(&b, "%s > %s: %.100q, heard %.100q\n", e.Line.From, e.Line.To, e.Line.Said, e.Line.Heard)
	}
	for _, a := range m.client.asked {
		fmt.Fprintf(&b, "asked %.100q", a.raw)
		if t := a.transfer; t != nil {
			fmt.Fprintf(&b, " fault %d, %d of %d bytes, ended %v, reset %v, wait %v", a.step.fault, len(t.data), a.step.size, t.ended, t.reset, a.step.wait)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
