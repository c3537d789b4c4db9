package ftpfwd

import (
	"context"
	"time"
)

// ownReplyAtMost is how long a reply of ours waits for a server that does not
// reply to the commands before it.
const ownReplyAtMost = 10 * time.Second

// commandsHeld reports whether the client's commands wait: for the server, for a
// path that may have to be opened with another method, for the client to connect
// to it, or for an upload that is being aborted.
func (s *session) commandsHeld() bool {
	return s.phase == connecting || s.phase == greeting && s.routing != nil ||
		s.opening != nil || s.abort != nil || s.quit == waiting || s.pending.full() || s.gathersClient() || s.dialsServer()
}

// gathersClient reports whether a transfer command waits for the client to
// connect.
func (s *session) gathersClient() bool {
	p := s.paths.newest()
	return p != nil && p.gather == waiting
}

// dialsServer reports whether the server's port is being dialled for a client
// that has connected before its command: some servers refuse a transfer command
// for which no connection is there, and it could overtake this one.
func (s *session) dialsServer() bool {
	p := s.paths.newest()
	if p == nil || p.live == nil || p.client.dials() {
		return false
	}
	d := p.live
	return d.state == dialingOther && d.server == nil && d.transfer == nil
}

// nextCommand passes on or answers the next line from the client, and reports
// whether there was one.
func (s *session) nextCommand(ctx context.Context) bool {
	if s.clientBeginsTLS() {
		s.clientSpeaksTLS()
		return true
	}
	if s.commandsHeld() && !s.midLine() {
		return false
	}
	p, ok := s.client.lines.next(s.client.ended || s.phase == passthrough)
	s.source.secrets.note(p)
	switch {
	case !ok:
		return false
	case s.phase == passthrough, p.tail && !s.dropTail:
		s.server.queue(p.bytes)
		s.flushAsked()
	case p.tail, s.clientSpeaksHTTP(p.bytes):
	case s.phase == awaitTarget:
		s.dropTail = !p.whole
		s.routingCommand(ctx, parseCommand(p.bytes))
	default:
		s.dropTail = false
		s.command(ctx, p)
	}
	return true
}

// command passes on a command of the client's, or answers it. Of a long line
// only the beginning is here; the rest is treated alike.
func (s *session) command(ctx context.Context, p piece) {
	c := parseCommand(p.bytes)
	line := p.bytes[c.prefix:]
	switch c.kind() {
	case verbSecurity:
		s.dropTail = !p.whole
		s.refuse(c, refusedSecurity(c))
	case verbUnknown:
		s.dropTail = !p.whole
		s.refuse(c, "502 "+c.verb+" is not carried by this tunnel: use EPSV, PASV, EPRT or PORT")
	case verbActive:
		s.dropTail = !p.whole
		s.active(ctx, c, line, p.whole)
	case verbPassive:
		s.dropTail = !p.whole
		s.passive(ctx, c, line, p.whole)
	case verbDownload, verbUpload, verbRestart:
		if !s.preparePath(ctx, c) {
			s.client.lines.back(p) // until the path is there
			return
		}
		s.preparedCommand(ctx, c, line, p.whole)
	case verbAbort:
		s.pass(c, line, &request{kind: verbAbort})
		s.clientAborts()
	case verbQuit:
		if s.quitWaits() {
			s.client.lines.back(p)
			return
		}
		s.client.goodbye = true
		s.pass(c, line, &request{kind: verbQuit})
	case verbUser:
		line = s.loginLine(c, line)
		s.source.user = parseCommand(line).argument
		s.pass(c, line, &request{kind: verbUser, answer: s.loginReply(verbUser)})
	case verbPassword:
		s.pass(c, line, &request{kind: verbPassword, answer: s.loginReply(verbPassword)})
	case verbParameter, verbReset:
		s.params.send(c)
		s.pass(c, line, &request{kind: c.kind(), answer: s.parameterReply(c)})
	default:
		s.pass(c, line, &request{kind: c.kind(), answer: s.changeReply(c)})
	}
}

// parameterReply returns what deals with the reply to a command that sets a
// parameter.
func (s *session) parameterReply(c command) answer {
	return func(_ context.Context, line []byte, l replyLine) disposition {
		switch {
		case !l.positive() && c.verb == "MODE":
			s.keepMode()
		case !l.positive():
		case c.kind() == verbReset:
			s.params = defaultParameters()
			for len(s.paths) > 0 && s.paths[0] != s.opening {
				s.paths.drop(s.paths[0]) // a transfer that is running continues (RFC 959, 4.1.1)
			}
		default:
			s.params.accept(c, string(line[l.text:]))
		}
		return relay(line)
	}
}

// keepMode notes that the server has refused another mode: the transfers that
// were commanded behind that move in the one before.
func (s *session) keepMode() {
	s.params.asked = s.params.mode
	for _, t := range s.transfers {
		if !t.begun() {
			t.Mode = s.params.mode
			if t.data != nil {
				t.data.flow(t).use(t.Mode)
			}
		}
	}
}

// preparePath reports whether a command that belongs to a transfer can be passed
// on. If not, it opens a path to the client's default data port, where the
// client has asked for none; or it waits for a client that is about to connect,
// so that another method can be tried should the server's port not answer.
func (s *session) preparePath(ctx context.Context, c command) bool {
	p := s.paths.newest()
	switch {
	case s.prepared, s.pending.path() != nil:
		return true // there is one, or it is being opened
	case p != nil && p.client.listens() && !p.used && p.gather == notWaited:
		s.gatherClient(p)
		return false
	case s.f.ServerMode == Exact:
		return true // the server is to refuse the command
	case p == nil || p.spent():
		if c.kind() == verbRestart {
			return true // what opens a path may come behind it
		}
		s.prepared = true
		s.openDefault(ctx)
		return false
	}
	return true
}

// gatherClient makes a transfer command wait for its client: for one that is
// about to connect if another method could be tried, and otherwise for one that
// has connected, and whose connection is on its way from the listener to here.
func (s *session) gatherClient(p *dataPath) {
	limit := acceptAtMost
	if len(p.left) > 0 && !s.methods.worked(p.method) {
		limit = gatherAtMost
	}
	p.gather = waiting
	s.timers.start(&p.gatherBy, limit, func() { s.endGathering(p) })
}

// endGathering lets the commands continue that wait for the client to connect to
// p.
func (s *session) endGathering(p *dataPath) {
	if p.gather == waiting {
		p.gather = waited
		s.timers.stop(&p.gatherBy)
	}
}

// preparedCommand passes on a command that belongs to a transfer.
func (s *session) preparedCommand(ctx context.Context, c command, line []byte, whole bool) {
	if c.kind() == verbRestart {
		s.params.restart = c.argument
		s.pass(c, line, &request{kind: verbRestart})
		return
	}
	if s.prepared && s.params.restart != "" {
		s.repeatRestart()
	}
	s.prepared = false
	s.commandTransfer(ctx, c, line, whole)
}

// repeatRestart sends the client's REST again: the server may have forgotten it
// over the commands that opened the default path.
func (s *session) repeatRestart() {
	c := command{verb: "REST", argument: s.params.restart}
	s.ask([]byte(c.redact() + "\r\n"))
	s.pending.add(&request{kind: verbRestart, answer: unasked})
	s.source.line(Tunnel, Server, c.redact(), c.redact())
}

// unasked drops the reply to a command of ours.
func unasked(context.Context, []byte, replyLine) disposition { return drop() }

// pass sends a command's line on to the server. An empty line is no command: no
// reply will come.
func (s *session) pass(c command, line []byte, r *request) {
	s.server.queue(line)
	if c.verb == "" {
		return
	}
	if r.verb = c.verb; !c.secret() {
		r.argument = c.argument
	}
	s.pending.add(r)
	s.source.line(Client, Server, c.redact(), parseCommand(line).redact())
}

// refuse answers a command here. The reply is sent behind those to the commands
// before it, since clients send several commands at once.
func (s *session) refuse(c command, reply string) {
	s.source.line(Client, Tunnel, c.redact(), "")
	s.pending.add(&request{state: requestLocal, text: reply})
}

// midLine reports whether the server has the beginning of a long line of the
// client's and not yet its end.
func (s *session) midLine() bool {
	return s.server.conn != nil && s.client.lines.inTail && !s.dropTail
}

// ask sends the server a command of our own, behind the line that is being
// passed on.
func (s *session) ask(line []byte) {
	s.asking = append(s.asking, line...)
	s.flushAsked()
}

func (s *session) flushAsked() {
	if !s.midLine() {
		s.server.queue(s.asking)
		s.asking = nil
	}
}

// loginLine returns the line that takes a USER to the server: without the
// server's name if that is how the client chose it.
func (s *session) loginLine(c command, line []byte) []byte {
	user, named, ok := cutLast(c.argument)
	if s.routing == nil || !ok || named != s.routing.named {
		return line
	}
	return []byte(c.verb + " " + user + "\r\n")
}
