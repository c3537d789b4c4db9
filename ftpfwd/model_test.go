package ftpfwd

import (
	"fmt"
	"slices"
	"strings"
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
	if (len(rest) > 0 && rest[0].raw == string(p.raw)) || (len(rest) == 0 && m.cut && !m.preparedBehind(p)) {
		p.tries = tries
		return rest
	}
	return lines // they were for another
}

// preparedBehind reports whether the client has asked for a way after p, and has
// heard what became of that.
func (m *model) preparedBehind(p *passage) bool {
	return slices.ContainsFunc(m.client.asked, func(a *asked) bool {
		return a.kind == askedPrepare && a.reply > p.reply && a.reply < len(m.client.finals)
	})
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

// transcript tells what was said and heard.
func (m *model) transcript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan: mode %s, ipv6 %v, refuses %v with %q, one shot %v, abort %d, cut %v\n", m.plan.mode, m.plan.ipv6, m.plan.refuses, m.plan.refusal, m.plan.oneShot, m.plan.abortReply, m.cut)
	for _, e := range m.events(LinePassed) {
		fmt.Fprintf(&b, "%s > %s: %.100q, heard %.100q\n", e.Line.From, e.Line.To, e.Line.Received, e.Line.Sent)
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
