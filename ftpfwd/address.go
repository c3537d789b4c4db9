package ftpfwd

import (
	"bytes"
	"context"
)

// address looks in a line of a positive reply for the answer to a PASV or EPSV
// that is outstanding, and opens the client's endpoint if it is there. ok is
// false if the line is none. The first line of a longer reply may lack the
// numbers: aioftp's are in the last.
func (s *session) address(ctx context.Context, line []byte, l replyLine) (d disposition, ok bool) {
	if l.positive() && s.pending.takeGivenUp(l.code) {
		return drop(), true
	}
	p := s.pending.passive()
	if p == nil || !l.positive() || l.text == 0 {
		return disposition{}, false
	}
	hasAddressCode := l.code == 227 || l.code == 229
	if !hasAddressCode && !s.pending.passiveNext() {
		return disposition{}, false // the reply to a command before it, with numbers in a name
	}
	if l.code == 228 {
		// inetutils-ftpd answers PASV as if it were LPSV (RFC 1639) on IPv6.
		s.takeAddress()
		return s.refused(ctx, p, line, l), true
	}
	if a, found := findAnnouncement(l.code, string(line[l.text:])); found {
		s.takeAddress()
		return s.announced(ctx, p, line, l, a), true
	}
	switch {
	case !hasAddressCode, l.last && s.opening != p:
		return disposition{}, false
	case l.last && (!p.native() || len(p.failed) > 0):
		s.takeAddress()
		return s.refused(ctx, p, line, l), true
	case l.last:
		// It is of no use, but it is the answer: nothing has gone out behind it.
		s.takeAddress()
		s.release(p)
		s.rebind(p)
		return relay(line), true
	}
	s.settleBefore(s.pending.beginAddress())
	if !p.native() || (l.code == 229) != (p.asked.verb == "EPSV") {
		return disposition{}, true // the client's reply is sent when the numbers have come
	}
	return relay(line), true
}

// takeAddress takes the PASV or EPSV that an address answers.
func (s *session) takeAddress() {
	_, before := s.pending.matchAddress()
	s.settleBefore(before)
}

// announced deals with a line that names the port where the server listens.
func (s *session) announced(ctx context.Context, p *dataPath, line []byte, l replyLine, a announcement) disposition {
	p.server, p.named = s.serverEndpoint(a.addr), a.addr
	s.warnForeignAddress(a)
	native := p.native() && !a.loose && a.extended == (p.asked.verb == "EPSV") // some servers reply 227 to EPSV
	return s.accepted(ctx, p, line, l, native)
}

// rewriteAddress puts the address of p's listener into a line of a reply to PASV
// or EPSV.
func (s *session) rewriteAddress(line []byte, l replyLine, p *dataPath) []byte {
	text := string(line[l.text:])
	a, ok := findAnnouncement(l.code, text)
	if !ok {
		return line
	}
	return append(bytes.Clone(line[:l.text]), a.rewrite(text, p.client.at())...)
}
