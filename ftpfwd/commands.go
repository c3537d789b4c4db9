package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// commandsHeld reports whether the client's commands have to wait: a PORT needs
// its listener before it may go on, or an upload is being broken off.
func (s *session) commandsHeld() bool { return s.listening || s.breaking != nil }

// forwardCommands passes on what the client has said, as far as it is not held.
func (s *session) forwardCommands(ctx context.Context) {
	if !s.raw && !s.greeted && startsTLS(s.client.lines.buf) {
		s.passRaw("the client speaks TLS at once (implicit FTPS)")
	}
	for !s.commandsHeld() {
		p, ok := s.client.lines.next(s.client.ended || s.raw)
		switch {
		case !ok:
			return
		case s.raw, p.tail && !s.discarding:
			s.server.queue(p.bytes)
		case !p.tail:
			s.discarding = false
			s.command(ctx, p)
		}
	}
}

// command passes on a line of the client, or deals with it. Of a long line only
// the head is here; the rest goes the same way.
func (s *session) command(ctx context.Context, p piece) {
	c := parseCommand(p.bytes)
	line := p.bytes[c.prefix:]
	switch c.kind() {
	case verbSecurity:
		s.discarding = !p.whole
		s.refuse(c, "534 "+c.verb+" refused: the tunnel encrypts this connection already, and must read along")
	case verbUnknown:
		s.discarding = !p.whole
		s.refuse(c, "502 "+c.verb+" is not carried by this tunnel: use EPSV, PASV, EPRT or PORT")
	case verbActive:
		s.discarding = !p.whole
		s.port(ctx, c, p.whole)
	case verbDownload, verbUpload:
		s.transferCommand(c, line)
	case verbAbort:
		s.pass(c, line, slot{kind: verbAbort})
		s.abort()
	case verbRestart:
		s.restart = true
		s.pass(c, line, slot{kind: verbRestart})
	default:
		s.pass(c, line, slot{kind: c.kind()})
	}
}

// pass sends a command's line on to the server. An empty line is no command:
// no reply will come.
func (s *session) pass(c command, line []byte, sl slot) {
	s.server.queue(line)
	if c.verb == "" {
		return
	}
	s.ledger.sent(sl)
	s.tell(Event{Kind: Said, Line: Line{From: "client", To: "server", Said: c.redact(), Heard: parseCommand(line).redact()}})
}

// refuse answers a command ourselves. The reply leaves when its turn comes,
// since clients send several commands at once.
func (s *session) refuse(c command, reply string) {
	s.tell(Event{Kind: Said, Line: Line{From: "client", To: "server", Said: c.redact()}})
	s.ledger.sent(slot{own: reply})
}

// ownReplies sends the replies of our own whose turn has come, if no reply of
// the server's is half way out. One that waits for a server that says nothing
// goes out after a while, unless a transfer is what keeps the server busy.
func (s *session) ownReplies() {
	if s.reader.open != 0 || s.server.lines.inTail || s.held != nil {
		return
	}
	for _, reply := range s.ledger.due() {
		s.reply(reply)
	}
	if !s.ledger.ownWaits() {
		s.alarms.cancel("own reply")
		return
	}
	before := s.moved()
	s.alarms.keep("own reply", ownReplyWaits, func() {
		if s.moved() == before && !s.dataMoves() {
			s.ledger.forget()
		}
	})
}

// reply sends the client a reply of our own.
func (s *session) reply(text string) {
	text = oneLine(text)
	s.tell(Event{Kind: Said, Line: Line{From: "tunnel", To: "client", Said: text, Heard: text}})
	s.client.queue([]byte(text + "\r\n"))
}

// port deals with PORT and EPRT. What does not parse, or does not name the
// client, goes no further: the server would connect to whatever it names, which
// may be its own loopback, and rewriting it would take away the server's own
// protection against being used to bounce (RFC 2577, 3).
func (s *session) port(ctx context.Context, c command, whole bool) {
	parse := parseHostPort
	if c.verb == "EPRT" {
		parse = parseExtended
	}
	address, err := parse(c.argument)
	switch {
	case !whole:
		s.refuse(c, "501 "+c.verb+" refused: the line is too long")
	case err != nil:
		s.refuse(c, fmt.Sprintf("501 %s refused: %v", c.verb, err))
	case !s.isClient(address.Addr()):
		s.refuse(c, fmt.Sprintf("500 %s refused: %v is not your address", c.verb, address.Addr()))
	case address.Port() < 1024:
		s.refuse(c, fmt.Sprintf("501 %s refused: port %d is below 1024", c.verb, address.Port()))
	case !s.serverIsOnGateway():
		s.refuse(c, "500 "+c.verb+" refused: the FTP server is not on the gateway, so it could not connect back; use passive mode")
	default:
		s.listenFor(ctx, c, address)
	}
}

// isClient reports whether address is the client's own: the one it came from
// or, where it came from this machine, any of this machine's.
func (s *session) isClient(address netip.Addr) bool {
	return address == s.clientPeer || (s.clientPeer.IsLoopback() && owns(address))
}

// serverIsOnGateway reports whether the FTP server can reach the far end's
// loopback.
func (s *session) serverIsOnGateway() bool {
	if s.serverHost == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(s.serverHost)
	return err == nil && address.IsLoopback()
}

// listenFor opens the remote listener that a PORT or EPRT needs. The command
// waits for it: some servers connect before they answer.
func (s *session) listenFor(ctx context.Context, c command, address netip.AddrPort) {
	s.listening = true
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, s.f.dialTimeout())
		defer cancel()
		p, err := s.openActive(ctx, c.verb, address)
		if !s.post(listened{command: c, path: p, err: err}) && p != nil {
			p.close()
		}
	})
}

// listened sends the PORT or EPRT on with the listener's address, or says why
// there is none.
func (s *session) listened(e listened) {
	s.listening = false
	c := e.command
	switch {
	case s.leaving:
		if e.path != nil {
			e.path.close()
		}
		return
	case e.err != nil:
		s.tell(Event{Kind: Noticed, Text: "no active data connection", Err: e.err})
		s.refuse(c, fmt.Sprintf("425 %s refused: %v; use passive mode", c.verb, reason(e.err)))
		return
	}
	s.addPath(e.path)
	sent := command{verb: c.verb, argument: formatHostPort(e.path.address())}
	if c.verb == "EPRT" {
		sent.argument = formatExtended(e.path.address())
	}
	s.server.queue([]byte(sent.redact() + "\r\n"))
	s.ledger.sent(slot{kind: verbActive, path: e.path})
	s.tell(Event{Kind: Said, Line: Line{From: "client", To: "server", Said: c.redact(), Heard: sent.redact()}})
}

// reason returns what to tell a client about err.
func reason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer from the gateway in time")
	}
	return err
}
