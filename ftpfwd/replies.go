package ftpfwd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// forwardReplies passes on what the server has said, as far as it is not held.
func (s *session) forwardReplies(ctx context.Context) {
	if !s.spoken && len(s.server.lines.buf) > 0 {
		s.spoken = true
		what := notFTP(s.server.lines.buf)
		switch {
		case what == "" || s.raw:
		case s.lobby != nil:
			s.giveUp(errors.New(what))
			return
		default:
			s.passRaw(what)
		}
	}
	for s.held == nil && !s.uploaderAwaited() {
		s.ownReplies()
		p, ok := s.server.lines.next(s.server.ended || s.raw)
		switch {
		case !ok:
			return
		case s.raw, p.tail && !s.swallowing:
			s.client.queue(p.bytes)
		case !p.tail:
			s.replyLine(ctx, p)
		}
	}
}

// replyLine passes on a line of the server. Most lines go as they are, at once.
func (s *session) replyLine(ctx context.Context, p piece) {
	l := s.reader.next(p.bytes)
	if s.breaking != nil && l.code != 421 && s.breakingReply(l) {
		s.tellReply(p.bytes, nil)
		return
	}
	line := p.bytes
	switch {
	case s.lobby != nil && s.connecting:
		line = s.introduce(p.bytes, l)
	case l.first:
		s.rewriting, s.swallowing, s.refusing, s.refusal = nil, false, false, ""
		s.features = l.code == 211 && s.ledger.awaits(verbFeatures)
		if l.preliminary() {
			if t := s.ledger.preliminary(); t != nil {
				s.begun(ctx, t)
			}
		} else if line = s.finalReply(ctx, p.bytes, l); s.held != nil {
			return
		}
	case s.refusing && l.last:
		line = s.finalReply(ctx, p.bytes, l)
	case s.swallowing, s.features && !l.last && !offered(p.bytes[l.text:]):
		line = nil
	case s.rewriting != nil && l.text > 0:
		line = s.rewrite(p.bytes, l, s.rewriting)
	case l.code == 227 || l.code == 229:
		if heard, ok := s.announcing(ctx, p.bytes, l); ok {
			line = heard
		}
	}
	s.client.queue(line)
	s.tellReply(p.bytes, line)
	if l.last {
		if l.code == 230 || l.code == 232 {
			s.login()
		}
		s.takenLeave = s.takenLeave || l.code == 221 || l.code == 421
		s.features, s.rewriting, s.swallowing = false, nil, false
	}
}

func (s *session) tellReply(said, heard []byte) {
	s.tell(Event{Kind: LinePassed, Line: Line{
		From: Server, To: Client, Received: strings.TrimRight(string(said), "\r\n"), Sent: strings.TrimRight(string(heard), "\r\n"),
	}})
}

// finalReply deals with the first line of a reply that is not preliminary, and
// returns what the client is to hear; if that has to wait, s.held is set.
func (s *session) finalReply(ctx context.Context, line []byte, l replyLine) []byte {
	s.heard()
	if !s.greeted {
		s.greeted = true
		s.tellInsistence(line, l, slot{})
		return line
	}
	if heard, ok := s.announcing(ctx, line, l); ok {
		return heard
	}
	if s.refusing = !l.last && l.negative() && s.ledger.transferNext(); s.refusing {
		s.refusal = said(line)
		return line // glftpd's 553- of several lines ends with a 150, and was none
	}
	sl, ok := s.ledger.answered(l.code)
	s.lateReplies()
	s.tellInsistence(line, l, sl)
	switch {
	case ok && sl.opening != nil && l.positive():
		return s.accepted(ctx, sl.opening, line, l, sl.opening.native())
	case ok && sl.opening != nil:
		return s.refused(ctx, sl.opening, line, l)
	case ok && sl.unheard:
		s.swallowing = !l.last
		return nil
	case ok && sl.transfer != nil:
		return s.transferReply(ctx, sl.transfer, line, l)
	case !ok && l.negative() && s.opening != nil && s.opening == s.ledger.passive():
		s.release(s.opening) // it may have been the answer, as uftpd's 426 to PASV is
	case ok && l.positive():
		s.settled(sl)
	}
	return line
}

// settled notes what the server has agreed to.
func (s *session) settled(sl slot) {
	switch sl.kind {
	case verbMode:
		s.mode = strings.ToUpper(sl.argument)
	case verbOnlyEPSV:
		s.onlyEPSV = true
	case verbReset:
		s.mode, s.onlyEPSV, s.restart = modeStream, false, ""
		for len(s.paths) > 0 && (s.opening == nil || s.paths[0] != s.opening.path) {
			s.dropPath(s.paths[0]) // a transfer that is under way goes on (RFC 959, 4.1.1)
		}
	}
}

// announcing looks in a positive reply for the answer to a PASV or EPSV that is
// outstanding. The first line of a longer reply may lack the numbers: aioftp's
// come in the last.
func (s *session) announcing(ctx context.Context, line []byte, l replyLine) (heard []byte, ok bool) {
	o := s.ledger.passive()
	if o == nil || !l.positive() || l.text == 0 {
		return nil, false
	}
	if l.code != 227 && l.code != 229 && !s.ledger.passiveNext() {
		return nil, false // the answer to a command before it, with numbers in a name
	}
	if l.code == 228 {
		// inetutils-ftpd answers PASV as if it were LPSV (RFC 1639) on IPv6.
		s.ledger.announced()
		s.lateReplies()
		return s.refused(ctx, o, line, l), true
	}
	if a, found := findAnnouncement(l.code, string(line[l.text:])); found {
		s.ledger.announced()
		s.lateReplies()
		return s.announced(ctx, o, line, l, a), true
	}
	switch {
	case l.code != 227 && l.code != 229, l.last && s.opening != o:
		return nil, false
	case l.last && (!o.native() || len(o.failed) > 0):
		s.ledger.announced()
		s.lateReplies()
		return s.refused(ctx, o, line, l), true
	case l.last:
		// It is of no use, but it is the answer: nothing has gone out behind.
		s.ledger.announced()
		s.lateReplies()
		s.release(o)
		s.rebind(o.path)
		return line, true
	}
	s.ledger.reached()
	s.lateReplies()
	if !o.native() || (l.code == 229) != (o.asked.verb == "EPSV") {
		line = nil // what the client asked for is answered when the numbers have come
	}
	return line, true
}

// rewrite puts p's own address into a line of a reply to PASV or EPSV. All
// lines of a multi-line reply name the same listener, since clients differ in
// which one they read.
func (s *session) rewrite(line []byte, l replyLine, p *path) []byte {
	text := string(line[l.text:])
	a, ok := findAnnouncement(l.code, text)
	if !ok {
		return line
	}
	return append(bytes.Clone(line[:l.text]), a.rewrite(text, p.client.at())...)
}

// tellForeign says once that a server names an address which is not the one we
// dial: behind NAT that mends things, and a server meant to spread its data
// over other hosts does not work.
func (s *session) tellForeign(a announcement) {
	addr := a.addr.Addr()
	if s.odd || !addr.IsValid() || addr.IsUnspecified() || addr.String() == s.target.host ||
		(addr.IsLoopback() && s.target.onGateway()) || s.f.followsReply(addr) {
		return
	}
	s.odd = true
	s.tell(Event{Kind: Warned, Warning: ForeignAddress, Text: fmt.Sprintf("the server names %v for its data connections; %s is dialled instead", addr, s.target.host)})
}

// passRaw gives up looking: what follows is not FTP in clear.
func (s *session) passRaw(what string) {
	s.raw = true
	s.tell(Event{Kind: Warned, Warning: NotFTP, Text: what + ": bytes pass, but data connections do not work"})
}

// notFTP says what a server seems to be that begins with b, if not FTP.
func notFTP(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("SSH-")), bytes.HasPrefix(b, []byte("HTTP/")):
	case b[0] >= ' ' && b[0] <= '~', b[0] == telnetIAC, b[0] == '\r', b[0] == '\n', b[0] == '\t':
		return ""
	}
	return fmt.Sprintf("the server is no FTP server: it begins with %q", b[:min(len(b), 40)])
}
