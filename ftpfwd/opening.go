package ftpfwd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// An opening is a path on its way. It is asked of the server in the client's
// own way first, and then in others, until the server and the gateway accept
// one; the client hears of the one that worked, in its own words.
//
// The client's commands wait meanwhile: while nothing has gone out behind it,
// another way can take its place. Only a PASV or EPSV that is known to work and
// needs no translation is not waited for.
type opening struct {
	asked   command // the client's command; without a verb, the client does not know of this
	line    []byte  // as it came
	path    *path
	way     way      // is being tried
	left    []way    // to be tried
	refusal string   // what the server said to the client's own command
	failed  failures // the other ways
}

// Bounds of openings.
const (
	refusalAtMost = 10 * time.Second       // a server takes to answer, before commands go on
	gatherAtMost  = 250 * time.Millisecond // a client takes to connect, when its transfer command is there already
	retryDialAt   = 10 * time.Second       // a dial may take when there is another way
)

// native reports whether the server is asked in the client's own words.
func (o *opening) native() bool { return o.way.verb == o.asked.verb }

// listened is the event that a remote listener is there, or why it is not.
type listened struct {
	opening  *opening
	listener net.Listener
	err      error
}

// passive opens a path for PASV or EPSV: the client's half waits.
func (s *session) passive(ctx context.Context, c command, line []byte, whole bool) {
	if !whole {
		s.refuse(c, "501 "+c.verb+" refused: the line is too long")
		return
	}
	s.open(ctx, &opening{asked: c, line: line, path: &path{mode: c.verb}})
}

// openDefault opens a path without the client's knowledge, for a transfer that
// it has prepared with no command (RFC 959, 3.2) or with one that served for a
// single transfer. The default data port is the control connection's own; ours
// is the one before the port that the client reached us at.
func (s *session) openDefault(ctx context.Context) {
	p := &path{}
	if last := s.path(); last != nil {
		p.mode, p.client = last.mode, last.client
	} else {
		own := addrOf(s.client.conn.LocalAddr())
		p.client.address = addrOf(s.client.conn.RemoteAddr()).String()
		p.client.from = netip.AddrPortFrom(own.Addr(), own.Port()-1)
	}
	s.open(ctx, &opening{path: p})
}

func (s *session) open(ctx context.Context, o *opening) {
	s.openings++
	o.path.number = s.openings
	o.left = s.waysFor(o.asked.verb)
	if o.asked.verb == "EPSV" && o.asked.argument != "" && !s.onlyEPSV && s.f.ServerMode != Active {
		o.left = append([]way{epsv}, o.left...) // as asked, and without the family, which may be another there
	}
	s.tryNext(ctx, o)
}

// tryNext asks the server, in the next way that is left.
func (s *session) tryNext(ctx context.Context, o *opening) {
	o.path.forsake()
	if len(o.left) == 0 {
		s.cannotOpen(o)
		return
	}
	o.way, o.left = o.left[0], o.left[1:]
	if !o.way.passive() {
		s.opening = o // the command waits for its listener, and all others for the command
		s.listenFor(ctx, o)
		return
	}
	if !o.native() || !s.target.known.worked(o.way) {
		s.hold(o)
	}
	line := []byte(o.way.verb + "\r\n")
	if o.native() && len(o.failed) == 0 {
		line = o.line // unchanged, with whatever stands behind the verb
	}
	s.askServer(o, line)
}

// hold lets the client's commands wait for o, unless the server says nothing at
// all.
func (s *session) hold(o *opening) {
	s.opening = o
	s.alarms.in("opening", refusalAtMost, func() {
		switch {
		case s.opening != o:
		case s.breaking != nil || s.held != nil || s.ledger.busyBefore(o):
			s.hold(o) // it has not come to that
		default:
			s.opening, o.left = nil, nil
		}
	})
}

// askServer asks the server to open o's way; not behind an ABOR of ours, whose
// answers could not be told from this one's.
func (s *session) askServer(o *opening, line []byte) {
	if s.breaking != nil {
		s.postponed = append(s.postponed, func() { s.askServer(o, line) })
		return
	}
	from, said := Client, o.asked.redact()
	if o.asked.verb == "" || len(o.failed) > 0 {
		from, said = Tunnel, parseCommand(line).redact()
	}
	s.ask(line)
	s.ledger.sent(slot{kind: verbKinds[o.way.verb], opening: o})
	s.tell(Event{Kind: LinePassed, Line: Line{From: from, To: Server, Received: said, Sent: parseCommand(line).redact()}})
}

// askPostponed asks what had to wait for an upload to be broken off.
func (s *session) askPostponed() {
	if s.breaking != nil {
		return
	}
	postponed := s.postponed
	s.postponed = nil
	for _, ask := range postponed {
		ask()
	}
}

// listened sends PORT or EPRT with the listener's address.
func (s *session) listened(ctx context.Context, e listened) {
	o := e.opening
	switch {
	case s.leaving:
		if e.listener != nil {
			_ = e.listener.Close()
		}
	case e.err != nil:
		o.left = slices.DeleteFunc(o.left, func(w way) bool { return !w.passive() && w.ipv6 == o.way.ipv6 })
		s.wayFailed(ctx, o, e.err)
	default:
		s.listenThere(o.path, e.listener) // before the command: some servers connect before they answer
		s.addPath(o.path)
		at := addrOf(e.listener.Addr())
		if s.f.ActiveAddress.IsValid() {
			at = netip.AddrPortFrom(s.f.ActiveAddress, at.Port())
		}
		s.hold(o)
		s.askServer(o, []byte(ActiveCommand(o.way.verb, at)+"\r\n"))
	}
}

// announced takes a line that says where the server listens, the answer to o,
// and returns what the client hears.
func (s *session) announced(ctx context.Context, o *opening, line []byte, l replyLine, a announcement) []byte {
	o.path.server = s.serverAt(a.addr)
	s.tellForeign(a)
	answers := o.native() && !a.loose && a.extended == (o.asked.verb == "EPSV") // some give a 227 to EPSV
	return s.accepted(ctx, o, line, l, answers)
}

// accepted makes o's path the session's, now that the server has accepted it,
// and returns what the client hears: line, if it is the answer to what the
// client asked.
func (s *session) accepted(ctx context.Context, o *opening, line []byte, l replyLine, answers bool) []byte {
	p := o.path
	p.way, p.left = o.way, o.left
	s.alarms.cancel("opening")
	s.swallowing = !answers && !l.last
	switch {
	case verbKinds[o.asked.verb] == verbPassive && !p.client.waits():
		if err := s.listenHere(ctx, p); err != nil {
			s.swallowing = !l.last
			o.left, o.failed = nil, failures{fmt.Errorf("cannot listen here: %w", err)}
			s.cannotOpen(o)
			return nil
		}
	case p.dialsBoth():
		s.addPath(p)
		s.opening = o
		s.dialServerHalf(ctx, s.newData(p))
		return nil // until the server's port is known to answer
	}
	s.opened(ctx, o)
	switch {
	case answers && o.way.passive():
		if !l.last {
			s.rewriting = p
		}
		return s.rewrite(line, l, p)
	case answers:
		return line
	}
	s.answer(o)
	return nil
}

// opened makes p the path that the session uses.
func (s *session) opened(ctx context.Context, o *opening) {
	p := o.path
	s.addPath(p)
	s.supersede(p)
	s.release(o)
	if len(o.failed) > 0 {
		s.tellMoved(o)
	}
	if p.live != nil {
		s.join(ctx, p.live) // has waited for the server's half
	}
}

// answer tells the client in the words of its own command that its path is
// there.
func (s *session) answer(o *opening) {
	switch o.asked.verb {
	case "PASV":
		s.reply("227 Entering Passive Mode (" + formatHostPort(o.path.client.at()) + ")")
	case "EPSV":
		s.reply(fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)", o.path.client.at().Port()))
	case "PORT", "EPRT":
		s.reply("200 " + o.asked.verb + " command successful")
	}
}

// release lets the client's commands go on.
func (s *session) release(o *opening) {
	if s.opening == o {
		s.opening = nil
		s.alarms.cancel("opening")
	}
}

// tellMoved says once that a server's data comes in another way than asked for.
func (s *session) tellMoved(o *opening) {
	asked := o.asked.verb
	if asked == "" {
		asked = o.path.mode
	}
	text := o.way.verb + " is used in place of " + asked
	if asked != "" && asked != o.way.verb && s.target.known.first(text) {
		s.tell(Event{Kind: Warned, Warning: MethodReplaced, Text: text, Err: o.failed})
	}
}
