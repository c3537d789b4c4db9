package ftpfwd

import (
	"errors"
	"strings"
)

// ErrWordless is the cause if a control connection ends on the server's side
// without a 221 or a 421, and its client has not ended it.
var ErrWordless = errors.New("neither a 221 nor a 421 came before")

var (
	errStopping  = errors.New("the tunnel is shutting down")
	errAbortLost = errors.New("the FTP server ended the session when its transfer was aborted")
)

// checkEnd passes on the end of either side, and ends the session when nothing
// is left to pass on. The client's end goes up at once and the server's last
// replies still come down (a QUIT and a half-close often come together); the
// server's end comes down behind the data that is under way.
func (s *session) checkEnd() {
	if s.server.conn == nil || s.connecting {
		s.checkLobby()
		return
	}
	if s.client.ended && !s.commandsHeld() {
		s.server.shut = true
	}
	if s.server.ended && s.ledger.awaits(verbAbort) {
		// BSD's ftpd dies of the SIGPIPE when its data connection is shut down.
		s.giveUp(errAbortLost)
	}
	if s.server.ended && s.held == nil && !s.dataMoves() && s.client.idle() {
		s.client.shut = true
		if s.greeted && !s.takenLeave && !s.client.ended {
			s.takenLeave = true
			s.tell(Event{Kind: Warned, Warning: ServerHungUp, Text: "the control connection ended without a word", Err: ErrWordless})
		}
		s.alarms.keep("farewell", farewellAtMost, func() { s.over = true })
		if s.client.ended {
			s.over = true
		}
	}
	if s.stopping && !s.client.ended && !s.server.ended && len(s.transfers) == 0 && !s.dataMoves() {
		s.giveUp(errStopping)
	}
	if s.client.ended || s.server.ended {
		s.alarms.keep("linger", lingerAtMost, s.linger())
	}
}

// linger returns what ends a session whose one side has ended, if until then no
// data has moved.
func (s *session) linger() func() {
	before := s.moved()
	return func() {
		if s.moved() == before {
			s.over = true
		}
	}
}

// dataMoves reports whether a data connection may still deliver something to
// the client, other than the rest of what it knows to have failed.
func (s *session) dataMoves() bool {
	for _, d := range s.data {
		failed := d.transfer != nil && d.transfer.Err != nil
		awaited := d.opening() && (d.transfer == nil || s.pending(d.transfer)) // who has not come by now will not
		if !d.closed && !failed && (d.down.running || awaited) {
			return true
		}
	}
	return false
}

func (s *session) moved() (n int64) {
	for _, d := range s.data {
		n += d.moved()
	}
	return n
}

// giveUp ends the session because the server's side, or the way to it, is gone:
// data connections are reset, and the client gets a 421 (RFC 959, 5.4). The
// server's control connection is closed before its data connections: it must
// not take the end of an upload for its end of file.
func (s *session) giveUp(err error) {
	if s.over || s.leaving {
		return
	}
	s.heard()
	s.leaving, s.err, s.ender = true, err, Server
	if err == errStopping {
		s.ender = Tunnel
	}
	s.held, s.breaking, s.opening = nil, nil, nil
	s.alarms.clear()
	s.server.close()
	s.closeData(421)
	text := "421 " + oneLine(err.Error())
	s.tell(Event{Kind: LinePassed, Line: Line{From: Tunnel, To: Client, Received: text, Sent: text}})
	s.client.queue([]byte(text + "\r\n"))
	s.client.shut = true
	s.alarms.in("farewell", farewellAtMost, func() { s.over = true })
}

// takeLeave lets the last words to the client arrive: closing its connection
// while words of its own are unread would reset it, and ours would be lost.
func (s *session) takeLeave() {
	s.client.lines = lineReader{}
	s.client.flush()
	s.client.readOn()
	if s.client.failed || (s.client.ended && s.client.idle()) {
		s.over = true
	}
}

// fail ends the session at once, whose client has failed.
func (s *session) fail(err error) {
	if s.over {
		return
	}
	s.over = true
	if s.err == nil {
		s.err, s.ender = err, Client
	}
}

// closeData ends all data connections and their listeners, and what was being
// moved has failed; the client is given a code for it, 0 if none.
func (s *session) closeData(code int) {
	err := s.err
	if err == nil {
		err = errors.New("the control connection ended before the transfer was confirmed")
	}
	for len(s.transfers) > 0 {
		t := s.transfers[0]
		t.failed(s.ender, err)
		s.transferEnded(t, code)
	}
	for _, p := range s.paths {
		p.close()
	}
	for _, d := range s.data {
		d.close()
	}
}

// oneLine makes text fit for a reply of one line.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 127 {
			return ' '
		}
		return r
	}, text)
}
