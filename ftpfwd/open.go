package ftpfwd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// How a dataPath is opened. The server is asked with the client's own method
// first, and then with others, until the server and the gateway accept one; the
// client receives the reply to its own command.
//
// The client's commands wait meanwhile: while no other has gone out behind it,
// another method can take its place. Only a PASV or EPSV that has worked before
// and needs no translation does not hold later commands.

const (
	openAtMost   = 10 * time.Second       // that commands wait for the server's reply
	gatherAtMost = 250 * time.Millisecond // that a transfer command waits for its client to connect
	acceptAtMost = 20 * time.Millisecond  // that it waits for a connection to get from the listener to the session
)

// passive opens a path for PASV or EPSV: the client's endpoint will listen.
func (s *session) passive(ctx context.Context, c command, line []byte, whole bool) {
	if !whole {
		s.refuse(c, "501 "+c.verb+" refused: the line is too long")
		return
	}
	if family := familyOf(s.clientEnd); c.verb == "EPSV" && strings.Trim(c.argument, "0123456789") == "" && c.argument != "" && c.argument != family {
		s.refuse(c, "522 EPSV refused: the network protocol of this connection is another, use ("+family+")")
		return
	}
	p := &dataPath{asked: c, line: line, owed: true}
	if c.verb == "P@SW" {
		p.asked.verb, p.line = "PASV", []byte("PASV\r\n")
	}
	p.clientMethod = p.asked.verb
	s.open(ctx, p)
}

// openDefault opens a path that no reply announces to the client, for a transfer
// that it has prepared with no command (RFC 959, 3.2) or with one that served
// for a single transfer. The client's default data port is the control
// connection's own; ours is the one before the port that the client connected
// to.
func (s *session) openDefault(ctx context.Context) {
	p := &dataPath{}
	if last := s.paths.newest(); last != nil {
		p.clientMethod, p.client = last.clientMethod, last.client
	} else {
		own := addrOf(s.client.conn.LocalAddr())
		p.client.address = addrOf(s.client.conn.RemoteAddr()).String()
		p.client.from = netip.AddrPortFrom(own.Addr(), own.Port()-1)
	}
	s.open(ctx, p)
}

func (s *session) open(ctx context.Context, p *dataPath) {
	s.opened++
	p.number, p.timers = s.opened, &s.timers
	p.left = s.methodsFor(p.asked.verb)
	if p.asked.verb == "EPSV" && p.asked.argument != "" && !s.params.onlyEPSV && s.f.ServerMode != Active && s.f.ServerMode != Exact {
		p.left = append([]method{epsv}, p.left...) // as asked, and without the family, which may be another there
	}
	if p.asked.verb == "PASV" && p.asked.argument != "" {
		p.left = []method{pasv} // no such command: the server says why it refuses
	}
	s.askNext(ctx, p)
}

// familyOf returns the number of an address's network protocol (RFC 2428, 2).
func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "1"
	}
	return "2"
}

// askNext asks the server to open p with the next method that is left.
func (s *session) askNext(ctx context.Context, p *dataPath) {
	p.enter(asking)
	p.closeServer()
	if len(p.left) == 0 {
		if refusal := s.cannotOpen(p); refusal != "" {
			s.pending.add(&request{state: requestLocal, text: refusal})
		}
		return
	}
	p.method, p.left = p.left[0], p.left[1:]
	if !p.method.passive() {
		p.enter(listening)
		s.opening = p // the command waits for its listener, and all others for the command
		s.listenFor(ctx, p)
		return
	}
	if !p.native() || !s.methods.worked(p.method) {
		s.hold(ctx, p)
	}
	line := []byte(p.method.verb + "\r\n")
	if p.native() && len(p.failed) == 0 {
		line = p.line // unchanged, with its argument
	}
	s.askServer(p, line)
}

// hold makes the client's commands wait for p, until the server has not replied
// for a while.
func (s *session) hold(ctx context.Context, p *dataPath) {
	s.opening = p
	s.holdFor(ctx, p, openAtMost)
}

// holdFor is hold for a limit. What the server has said meanwhile, to whomever,
// gives it openAtMost again: it may have been busy.
func (s *session) holdFor(ctx context.Context, p *dataPath, limit time.Duration) {
	s.timers.start(&s.openingBy, limit, func() {
		left := openAtMost - time.Since(s.heard)
		switch {
		case s.opening != p:
		case s.abort != nil || s.finishing != nil || s.pending.busyBefore(p):
			s.hold(ctx, p) // the server has other commands to answer first
		case left > 0:
			s.holdFor(ctx, p, left)
		case s.f.ServerMode == Exact:
			s.release(p)
		default:
			s.unanswered(ctx, p)
		}
	})
}

// stopHold ends the time limit of hold: the server has replied.
func (s *session) stopHold(p *dataPath) {
	if s.opening == p {
		s.timers.stop(&s.openingBy)
	}
}

// release lets the client's commands continue.
func (s *session) release(p *dataPath) {
	s.stopHold(p)
	if s.opening == p {
		s.opening = nil
	}
}

// askServer sends the server a PASV, EPSV, PORT or EPRT; not behind an ABOR of
// ours, whose replies could not be told apart from this one's.
func (s *session) askServer(p *dataPath, line []byte) {
	if s.abort != nil {
		s.postponed = append(s.postponed, func() { s.askServer(p, line) })
		return
	}
	c := parseCommand(line)
	from, received := Client, p.asked.redact()
	if !p.owed || len(p.failed) > 0 {
		from, received = Tunnel, c.redact()
	}
	s.ask(line)
	s.pending.add(&request{kind: verbKinds[p.method.verb], verb: p.method.verb, path: p, answer: s.pathReply(p)})
	s.source.line(from, Server, received, c.redact())
}

// askPostponed sends what had to wait for an abort, and reports whether there
// was anything.
func (s *session) askPostponed() bool {
	if s.abort != nil || len(s.postponed) == 0 {
		return false
	}
	ask := s.postponed[0]
	s.postponed = s.postponed[1:]
	ask()
	return true
}

// listened is the event that a remote listener is open, or why it is not.
type listened struct {
	path     *dataPath
	listener net.Listener
	err      error
}

// apply sends PORT or EPRT with the listener's address.
func (e listened) apply(ctx context.Context, s *session) {
	p := e.path
	switch {
	case s.ended() || p.state != listening:
		if e.listener != nil {
			_ = e.listener.Close()
		}
	case e.err != nil:
		s.withoutListener(p)
		s.methodFailed(ctx, p, e.err, true)
	default:
		p.enter(asking)
		p.listenRemotely(s, e.listener) // before the command: some servers connect before they reply
		s.paths.add(p)
		at := addrOf(e.listener.Addr())
		if s.f.ActiveAddress.IsValid() {
			at = netip.AddrPortFrom(s.f.ActiveAddress, at.Port())
		}
		s.hold(ctx, p)
		s.askServer(p, []byte(ActiveCommand(p.method.verb, at)+"\r\n"))
	}
}

// pathReply returns what deals with the server's final reply to the command that
// opens p. An address in it has been dealt with before: see address.
func (s *session) pathReply(p *dataPath) answer {
	return func(ctx context.Context, line []byte, l replyLine) disposition {
		if l.positive() && !p.method.passive() {
			return s.accepted(ctx, p, line, l, p.native())
		}
		return s.refused(ctx, p, line, l)
	}
}

// accepted deals with a reply that accepts p, and opens its other endpoint. The
// line is the client's reply if relays is set.
func (s *session) accepted(ctx context.Context, p *dataPath, line []byte, l replyLine, relays bool) disposition {
	s.stopHold(p)
	if p.state == closed {
		return s.failed(p, errClosedPath)
	}
	p.serverMethod = p.method.verb
	switch {
	case verbKinds[p.asked.verb] == verbPassive && !p.client.listens():
		if err := p.listenLocally(ctx, s); err != nil {
			return s.failed(p, fmt.Errorf("cannot listen for the client: %w", err))
		}
	case p.dialsBoth():
		s.paths.add(p)
		s.opening = p
		p.enter(dialing)
		s.dial(ctx, s.newData(p), Server, p.server)
		return drop() // the client's reply waits until the server's port is known to answer
	}
	s.pathReady(ctx, p)
	if !relays {
		s.replyReady(p)
		return drop()
	}
	p.owed = false
	if p.method.passive() {
		return rewrite(s.rewriteAddress(line, l, p), p)
	}
	return relay(line)
}

// pathReady makes p the path that the session uses.
func (s *session) pathReady(ctx context.Context, p *dataPath) {
	p.enter(ready)
	s.paths.add(p)
	s.awaitFirst(p)
	s.paths.supersede(p)
	s.release(p)
	if len(p.failed) > 0 {
		s.warnReplaced(p)
	}
	if p.live != nil {
		s.join(ctx, p.live) // has waited for the server's endpoint
	}
}

// replyReady sends the client the reply to its own command: its path is ready.
func (s *session) replyReady(p *dataPath) {
	if !p.owed {
		return
	}
	p.owed = false
	switch p.asked.verb {
	case "PASV":
		s.sendReply("227 Entering Passive Mode (" + formatHostPort(p.client.at()) + ")")
	case "EPSV":
		s.sendReply(fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)", p.client.at().Port()))
	default:
		s.sendReply("200 " + p.asked.verb + " command successful")
	}
}

// warnReplaced reports once for each server that data connections are opened
// with another method than the client's.
func (s *session) warnReplaced(p *dataPath) {
	asked := p.clientMethod
	text := p.method.verb + " is used in place of " + asked
	if asked != "" && asked != p.method.verb && s.methods.first(text) {
		s.source.warn(MethodReplaced, "data connections are opened with another method", fmt.Errorf("%s: %w", text, p.failed))
	}
}
