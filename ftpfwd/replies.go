package ftpfwd

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// forwardReplies passes on what the server has said, as far as it is not held.
func (s *session) forwardReplies(ctx context.Context) {
	if !s.greeted && len(s.server.lines.buf) > 0 {
		s.greeted = true
		if what := notFTP(s.server.lines.buf); what != "" && !s.raw {
			s.passRaw(what)
		}
	}
	for s.held == nil {
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
	case l.first:
		s.rewriting, s.swallowing = nil, false
		s.features = l.code == 211 && s.ledger.awaits(verbFeatures)
		if l.preliminary() {
			s.ledger.preliminary()
		} else if line = s.finalReply(ctx, p.bytes, l); s.held != nil {
			return
		}
	case s.swallowing, s.features && !l.last && !offered(p.bytes):
		line = nil
	case s.rewriting != nil && l.text > 0:
		line = s.rewrite(p.bytes, l, s.rewriting)
	}
	s.client.queue(line)
	s.tellReply(p.bytes, line)
	if l.last {
		s.features, s.rewriting, s.swallowing = false, nil, false
	}
}

func (s *session) tellReply(said, heard []byte) {
	s.tell(Event{Kind: Said, Line: Line{
		From: "server", To: "client", Said: strings.TrimRight(string(said), "\r\n"), Heard: strings.TrimRight(string(heard), "\r\n"),
	}})
}

// finalReply deals with the first line of a reply that is not preliminary, and
// returns what the client is to hear; if that has to wait, s.held is set.
func (s *session) finalReply(ctx context.Context, line []byte, l replyLine) []byte {
	if s.ledger.awaits(verbPassive) && l.positive() {
		if heard, ok := s.announcement(ctx, line, l); ok {
			return heard
		}
	}
	sl, ok := s.ledger.answered(l.code)
	switch {
	case ok && sl.path != nil && l.positive():
		s.supersede(sl.path)
	case ok && sl.path != nil:
		s.dropPath(sl.path)
	case ok && sl.transfer != nil:
		return s.transferReply(sl.transfer, line, l)
	}
	return line
}

// announcement opens the data path that a reply to PASV or EPSV announces, and
// puts its own listener's numbers into the line. Other 2yz codes count only
// with six numbers in parentheses.
func (s *session) announcement(ctx context.Context, line []byte, l replyLine) (heard []byte, ok bool) {
	text := string(line[l.text:])
	a, found := findAnnouncement(l.code, text)
	if !found || (l.code != 227 && l.code != 229 && (a.extended || a.start == 0 || text[a.start-1] != '(')) {
		return nil, false
	}
	s.ledger.announced()
	s.tellForeign(a)
	mode := "PASV"
	if a.extended {
		mode = "EPSV"
	}
	p, err := s.openPassive(ctx, mode, a.addr.Port())
	if err != nil {
		s.tell(Event{Kind: Noticed, Text: "no passive data connection", Err: err})
		s.swallowing = !l.last
		return []byte("425 " + oneLine(fmt.Sprintf("cannot listen for a data connection: %v", err)) + "\r\n"), true
	}
	s.addPath(p)
	s.supersede(p)
	if !l.last {
		s.rewriting = p
	}
	return s.rewrite(line, l, p), true
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
	return append(bytes.Clone(line[:l.text]), a.rewrite(text, p.address())...)
}

// tellForeign says once that a server names an address which is not the one we
// dial: behind NAT that mends things, and a server meant to spread its data
// over other hosts does not work.
func (s *session) tellForeign(a announcement) {
	addr := a.addr.Addr()
	if s.odd || !addr.IsValid() || addr.IsUnspecified() || addr.String() == s.serverHost || (addr.IsLoopback() && s.serverIsOnGateway()) {
		return
	}
	s.odd = true
	s.tell(Event{Kind: Noticed, Text: fmt.Sprintf("the server names %v for its data connections; %s is dialled instead", addr, s.serverHost)})
}

// passRaw gives up looking: what follows is not FTP in clear.
func (s *session) passRaw(what string) {
	s.raw = true
	s.tell(Event{Kind: Noticed, Text: what + ": bytes pass, but data connections do not work"})
}

// startsTLS reports whether b begins like a TLS handshake record.
func startsTLS(b []byte) bool { return len(b) >= 2 && b[0] == 0x16 && b[1] == 0x03 }

// notFTP says what a server seems to be that begins with b, if not FTP.
func notFTP(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("SSH-")), bytes.HasPrefix(b, []byte("HTTP/")):
	case b[0] >= ' ' && b[0] <= '~', b[0] == telnetIAC, b[0] == '\r', b[0] == '\n', b[0] == '\t':
		return ""
	}
	return fmt.Sprintf("the server is no FTP server: it begins with %q", b[:min(len(b), 40)])
}
