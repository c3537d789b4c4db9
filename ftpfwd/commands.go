package ftpfwd

import "context"

// commandsHeld reports whether the client's commands have to wait: for the
// server, for a path that may have to be opened in another way, for the client
// to connect to it, or for an upload that is being broken off.
func (s *session) commandsHeld() bool {
	return s.connecting || s.opening != nil || s.gathering || s.breaking != nil || s.dialUnproven()
}

// dialUnproven reports whether the server's half of the path is being dialled
// without being known to work.
func (s *session) dialUnproven() bool {
	p := s.path()
	if p == nil || p.live == nil || p.client.address != "" {
		return false
	}
	d := p.live
	return d.dialling && d.server == nil && d.transfer == nil && len(p.left) > 0 && !s.target.known.worked(p.way)
}

// forwardCommands passes on what the client has said, as far as it is not held.
func (s *session) forwardCommands(ctx context.Context) {
	if !s.raw && !s.spoken && (s.server.conn != nil || s.lobby != nil) && beginsTLS(s.client.lines.buf) {
		s.startsTLS()
	}
	for s.midLine() || !s.commandsHeld() {
		p, ok := s.client.lines.next(s.client.ended || s.raw)
		switch {
		case !ok:
			return
		case s.raw, p.tail && !s.discarding:
			s.server.queue(p.bytes)
			s.askLater()
		case p.tail:
		case s.server.conn == nil:
			s.lobbyCommand(ctx, p)
		default:
			s.discarding = false
			s.command(ctx, p)
		}
	}
}

// midLine reports whether the server has the head of a long line of the client's
// and not yet its end.
func (s *session) midLine() bool {
	return s.server.conn != nil && s.client.lines.inTail && !s.discarding
}

// ask sends the server a command of our own, behind the line that is under way.
func (s *session) ask(line []byte) {
	s.asking = append(s.asking, line...)
	s.askLater()
}

func (s *session) askLater() {
	if !s.midLine() {
		s.server.queue(s.asking)
		s.asking = nil
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
		s.refuse(c, refusedSecurity(c))
	case verbUnknown:
		s.discarding = !p.whole
		s.refuse(c, "502 "+c.verb+" is not carried by this tunnel: use EPSV, PASV, EPRT or PORT")
	case verbActive:
		s.discarding = !p.whole
		s.port(ctx, c, line, p.whole)
	case verbPassive:
		s.discarding = !p.whole
		s.passive(ctx, c, line, p.whole)
	case verbDownload, verbUpload, verbRestart:
		if s.pathNotReady(ctx, c) {
			s.client.lines.back(p)
			return
		}
		s.preparedCommand(c, line)
	case verbAbort:
		s.pass(c, line, slot{kind: verbAbort})
		s.abort()
	case verbUser:
		s.pass(c, s.loginLine(c, line), slot{kind: verbUser})
	default:
		s.pass(c, line, slot{kind: c.kind()})
	}
}

// preparedCommand passes on a command that belongs to a transfer whose path is
// there.
func (s *session) preparedCommand(c command, line []byte) {
	if c.kind() == verbRestart {
		s.restart = c.argument
		s.pass(c, line, slot{kind: verbRestart})
		return
	}
	if s.prepared && s.restart != "" {
		// The server may have forgotten it over the commands of ours.
		again := command{verb: "REST", argument: s.restart}
		s.ask([]byte(again.redact() + "\r\n"))
		s.ledger.sent(slot{kind: verbRestart, unheard: true})
		s.tell(Event{Kind: LinePassed, Line: Line{From: Tunnel, To: Server, Received: again.redact(), Sent: again.redact()}})
	}
	s.prepared = false
	s.transferCommand(c, line)
}

// pathNotReady reports whether a command has to wait for a path, and sees to it
// that there will be one: at the client's default data port, if it has asked
// for none; or if it is about to connect, so that another way can be tried
// should the server's port not answer.
func (s *session) pathNotReady(ctx context.Context, c command) bool {
	p := s.path()
	switch {
	case s.prepared, s.ledger.opening() != nil:
		return false // one is there, or on its way
	case p == nil || p.spent():
		if c.kind() == verbRestart {
			return false // what opens a path may come behind it
		}
		s.prepared = true
		s.openDefault(ctx)
		return true
	case p.client.waits() && !p.used && !p.gathered && len(p.left) > 0 && !s.target.known.worked(p.way):
		p.gathered, s.gathering = true, true
		s.alarms.in("gather", gatherAtMost, s.gathered)
		return true
	}
	return false
}

// gathered lets the commands go on that waited for the client to connect.
func (s *session) gathered() {
	s.gathering = false
	s.alarms.cancel("gather")
}

// pass sends a command's line on to the server. An empty line is no command:
// no reply will come.
func (s *session) pass(c command, line []byte, sl slot) {
	s.server.queue(line)
	if c.verb == "" {
		return
	}
	s.quit = s.quit || c.verb == "QUIT"
	if c.kind() == verbUser {
		s.user = c.argument
	}
	if !c.secret() {
		sl.argument = c.argument
	}
	s.ledger.sent(sl)
	s.tell(Event{Kind: LinePassed, Line: Line{From: Client, To: Server, Received: c.redact(), Sent: parseCommand(line).redact()}})
}

// refuse answers a command ourselves. The reply leaves when its turn comes,
// since clients send several commands at once.
func (s *session) refuse(c command, reply string) {
	s.tell(Event{Kind: LinePassed, Line: Line{From: Client, To: Server, Received: c.redact()}})
	s.ledger.sent(slot{own: reply})
}

// ownReplies sends the replies of our own whose turn has come, if no reply of
// the server's is half way out. One that waits for a server that says nothing
// goes out after a while, unless a transfer is what keeps the server busy: even
// one whose data does not move will be answered.
func (s *session) ownReplies() {
	if s.reader.open != 0 || s.server.lines.inTail || s.held != nil {
		return
	}
	for s.greeted {
		reply, ok := s.ledger.due()
		if !ok {
			break
		}
		s.reply(reply)
	}
	if !s.ledger.ownWaits() {
		s.alarms.cancel("own reply")
		return
	}
	s.alarms.keep("own reply", ownReplyWaits, func() {
		if len(s.transfers) == 0 {
			s.greeted = true
			s.ledger.forget()
		}
	})
}

// lateReplies sends the replies of our own that waited for a command which the
// server has passed over: they stand before the reply that has come.
func (s *session) lateReplies() {
	for s.ledger.late > 0 {
		reply, ok := s.ledger.due()
		if !ok {
			s.ledger.late = 0
			return
		}
		s.reply(reply)
	}
}

// reply sends the client a reply of our own.
func (s *session) reply(text string) {
	s.heard()
	text = oneLine(text)
	s.tell(Event{Kind: LinePassed, Line: Line{From: Tunnel, To: Client, Received: text, Sent: text}})
	s.client.queue([]byte(text + "\r\n"))
}
