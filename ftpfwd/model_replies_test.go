package ftpfwd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// replies explains every byte that the client has received.
func (m *model) replies() {
	m.expect(chunk{text: m.plan.greeting})
	for _, x := range m.exchanges {
		switch {
		case m.ended || m.t.Failed():
			return
		case x.kind == classEmpty:
		case x.kind == classRefused:
			m.ownReply(x, x.step.line[:4])
		case x.kind == classOpen:
			m.pathReply(x)
		case x.kind == classTransfer:
			m.transferReply(x)
		case x.received == nil:
			m.endOfReplies(fmt.Sprintf("a reply to %.100q", x.raw))
		default:
			m.expect(x.received.sent...)
			x.code = x.received.final
		}
	}
	if !m.ended && m.unexplained != "" && !m.t.Failed() {
		m.endOfReplies("nothing more")
	}
}

// endOfReplies checks that the client has received nothing more, or only a 421 that
// says why. That may be so only if the session was interrupted.
func (m *model) endOfReplies(want string) {
	m.ended = true
	reason := strings.HasPrefix(m.unexplained, "421 ") && strings.Count(m.unexplained, "\n") == 1
	if !m.interrupted || (m.unexplained != "" && !reason) {
		m.fail("the client receives %.300q, not %.300q", m.unexplained, want)
	}
}

// takes reports whether the client receives chunks next, and takes them.
func (m *model) takes(chunks ...chunk) bool {
	rest := m.unexplained
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
		m.checkPort(numbers)
	}
	m.unexplained = rest
	return true
}

// checkPort checks that numbers name a listener of the forwarder's.
func (m *model) checkPort(numbers string) {
	port, err := strconv.Atoi(numbers)
	if err != nil {
		at, err := parseHostPort(numbers)
		m.plan.assert(err == nil, "%q: %v", numbers, err)
		host := addrOf(m.client.conn.RemoteAddr()).Addr()
		m.plan.assert(at.Addr() == host || (host.Is6() && at.Addr() == netip.IPv4Unspecified()), "a 227 names %v", at)
		port = int(at.Port())
	}
	m.plan.assert(m.local.listened[uint16(port)], "the client receives %q, where the forwarder does not listen", numbers)
}

// expect takes chunks, or the part of them that has come before the session was
// interrupted.
func (m *model) expect(chunks ...chunk) {
	if m.takes(chunks...) {
		return
	}
	for m.interrupted && len(chunks) > 1 && m.takes(chunks[0]) {
		chunks = chunks[1:]
	}
	want := ""
	for _, c := range chunks {
		want += c.text + c.numbers + c.rest
	}
	n := 0
	for n < len(want) && n < len(m.unexplained) && want[n] == m.unexplained[n] {
		n++
	}
	if line := strings.LastIndexByte(m.unexplained[:n], '\n') + 1; n < len(m.unexplained) && strings.HasPrefix(m.unexplained[line:], "421 ") {
		n = line // the 421 begins like the line that has not come
	}
	if m.interrupted && (n == len(m.unexplained) || strings.HasPrefix(m.unexplained[n:], "421 ")) {
		m.unexplained = m.unexplained[n:]
	}
	m.endOfReplies(want)
}

// ownReply takes a reply of the forwarder's own, of one line.
func (m *model) ownReply(x *exchange, code string) {
	line, rest, ok := strings.Cut(m.unexplained, "\n")
	if !ok || !strings.HasPrefix(line, code) || (m.interrupted && strings.HasPrefix(line, "421 ") && rest == "") {
		m.endOfReplies(fmt.Sprintf("%s for %.100q", code, x.raw))
		return
	}
	x.code, _ = strconv.Atoi(line[:3])
	m.unexplained = rest
	if strings.HasPrefix(code, "227") || strings.HasPrefix(code, "229") {
		a, found := findAnnouncement(x.code, line[4:])
		m.plan.assert(found, "the client receives %q", line)
		m.checkPort(line[4+a.start : 4+a.end])
	}
}

// pathReply takes the reply to PASV, EPSV, PORT or EPRT.
func (m *model) pathReply(x *exchange) {
	method := x.step.method[:4]
	if len(x.attempts) == 0 {
		m.ownReply(x, "425 ")
		return
	}
	last := x.attempts[len(x.attempts)-1]
	native := parseCommand([]byte(last.raw)).verb == method
	switch {
	case last.final == 0:
		m.endOfReplies("a reply to " + method)
	case last.opens() && !native:
		m.ownReply(x, map[string]string{"PASV": "227 ", "EPSV": "229 ", "PORT": "200 ", "EPRT": "200 "}[method])
	case last.opens(), last.isReplyTo(x.clientCommand), aboutLogin(last.final):
		m.expect(last.sent...)
		x.code = last.final
	default: // the server's refusal of the client's own command, in one line
		code := 425
		for _, got := range x.attempts {
			if parseCommand([]byte(got.raw)).verb == method {
				code = got.final
			}
		}
		m.ownReply(x, fmt.Sprint(code))
	}
}

// mayFail reports whether the forwarder may reply that a transfer has failed.
func (m *model) mayFail(x *exchange) bool {
	f := x.step.fault
	return !x.accepted || m.interrupted || f == faultReset || f == faultAbort || f == faultAbsent || f == faultLost
}

// transferReply takes the replies to a transfer command.
func (m *model) transferReply(x *exchange) {
	if x.received == nil {
		if m.interrupted && !strings.HasPrefix(m.unexplained, "425 ") {
			m.endOfReplies("a reply to the transfer")
			return
		}
		m.ownReply(x, "425 cannot open the data connection")
		m.plan.assert(m.mayFail(x), "%q is refused", x.raw)
		return
	}
	var begin, final []chunk
	for _, c := range x.received.sent {
		if c.final {
			final = append(final, c)
		} else {
			begin = append(begin, c)
		}
	}
	failed := "426 transfer failed"
	if refused := "425 cannot open the data connection"; m.plan.ownerGone && strings.HasPrefix(m.unexplained, refused) {
		failed = refused // a connection that an earlier transfer has left
	}
	if !m.takes(begin...) && !(m.mayFail(x) && strings.HasPrefix(m.unexplained, failed)) {
		m.expect(begin...)
		return
	}
	switch {
	case m.mayFail(x) && strings.HasPrefix(m.unexplained, failed):
		m.ownReply(x, failed)
	case final == nil:
		m.endOfReplies("the end of a transfer")
	default:
		m.expect(final...)
		if !m.ended {
			x.code = x.received.final
		}
	}
}
