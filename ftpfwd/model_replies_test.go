package ftpfwd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

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
	if line := strings.LastIndexByte(m.rest[:n], '\n') + 1; n < len(m.rest) && strings.HasPrefix(m.rest[line:], "421 ") {
		n = line // it begins like the line that has not come
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
