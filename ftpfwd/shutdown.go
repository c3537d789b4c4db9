package ftpfwd

import (
	"errors"
	"slices"
	"time"
)

// ErrNoGoodbye is the cause if the server ends the control connection without a
// 221 or a 421, and the client has not ended it.
var ErrNoGoodbye = errors.New("the server closed the control connection without a 221 or 421 reply")

// A HangUpError is an [ErrNoGoodbye] of a session that had lasted for a time.
type HangUpError struct{ After time.Duration }

func (e *HangUpError) Error() string { return ErrNoGoodbye.Error() }

// Is reports whether target is [ErrNoGoodbye].
func (e *HangUpError) Is(target error) bool { return target == ErrNoGoodbye }

var (
	errStopping    = errors.New("the tunnel is shutting down")
	errLeft        = errors.New("the client ended its control connection, and its data stopped moving")
	errAbortLost   = errors.New("the FTP server ended the session when its transfer was aborted")
	errInterrupted = errors.New("the control connection ended before the transfer was confirmed")
)

// passOnEnds passes on the end of either side, and ends the session when nothing
// is left to pass on. The client's end is passed on at once, and the server's
// last replies still come (a QUIT and a half-close often come together); the
// server's end is passed on behind the data that is on its way.
func (s *session) passOnEnds() {
	switch s.phase {
	case awaitTarget, connecting:
		s.endUnconnected()
		return
	case done:
		return
	case leaving:
		s.awaitUploads()
		return
	case greeting:
		if s.routing != nil {
			s.endUnconnected()
			return
		}
	}
	if s.client.ended && !s.commandsHeld() && !s.uploading() {
		s.server.shutdown()
	}
	if s.server.ended && s.pending.awaits(verbAbort) {
		// BSD's ftpd dies of the SIGPIPE when its data connection is shut down.
		s.giveUp(errAbortLost)
		return
	}
	if s.server.ended && s.finishing == nil && !s.delivers() && s.client.idle() {
		s.endClient()
	}
	if s.draining && !s.client.ended && !s.server.ended && len(s.transfers) == 0 && !s.delivers() {
		s.giveUp(errStopping)
		return
	}
	if s.phase != done && (s.client.ended || s.server.ended) {
		s.linger(lingerAtMost)
	}
}

// delivers reports whether the end of the session waits for data. A session that
// drains does not wait for what no command was for.
func (s *session) delivers() bool {
	if s.draining {
		return slices.ContainsFunc(s.data, func(d *dataConn) bool { return d.mayDeliver() && !d.unused() })
	}
	return s.data.mayDeliver()
}

// endClient passes the server's end on to the client, and ends the session once
// the client has ended too.
func (s *session) endClient() {
	s.client.shutdown()
	if s.phase == relaying && !s.server.goodbye && !s.client.ended {
		s.server.goodbye = true
		s.source.warn(ServerHungUp, "control connection lost", &HangUpError{time.Since(s.began)})
	}
	if s.client.ended {
		s.end()
		return
	}
	s.timers.startOnce(&s.farewellBy, farewellAtMost, func() { s.end() })
}

// endUnconnected ends a session without a server whose client leaves, or that
// drains.
func (s *session) endUnconnected() {
	switch {
	case s.client.ended || s.client.shut != shutNot && s.client.idle():
		s.end()
	case s.server.ended:
		s.noGreeting()
	case s.draining && s.phase == awaitTarget:
		s.giveUp(errStopping)
	}
}

// end ends the session.
func (s *session) end() {
	if s.phase != done {
		s.enter(done)
	}
}

// linger ends a session whose one side has ended, unless data moves within limit.
// An upload that stands still is aborted first.
func (s *session) linger(limit time.Duration) {
	before := s.data.moved()
	s.timers.startOnce(&s.lingerBy, limit, func() {
		if s.data.moved() == before && !s.abortUploads() {
			s.end()
		}
	})
}

// giveUp ends the session because the server, or the way to it, is lost: data
// connections are reset, and the client receives a 421 (RFC 959, 5.4).
func (s *session) giveUp(err error) {
	if s.ended() {
		return
	}
	s.reportSuccess()
	gone := s.phase == leaving
	s.enter(closing)
	s.err, s.ender = err, enderOf(err)
	s.finishing, s.abort, s.opening = nil, nil, nil
	s.timers.stopAll()
	s.forsakeUploads()
	s.closeData(421)
	s.server.shutdown()
	if gone {
		return
	}
	reply := "421 " + oneLine(err.Error())
	s.source.line(Tunnel, Client, reply, reply)
	s.client.queue([]byte(reply + "\r\n"))
	s.client.shutdown()
	s.timers.start(&s.farewellBy, farewellAtMost, func() { s.end() })
}

// enderOf returns the side that a session which ends because of err ended by.
func enderOf(err error) Side {
	switch {
	case err == errStopping, closedByOwner(err):
		return Tunnel
	case err == errHTTP, err == errNoLogin:
		return Client
	}
	return Server
}

// closedByOwner reports whether the network has not failed: the program has closed
// it, and its errors say so by a method of this name.
func closedByOwner(err error) bool {
	var closed interface{ ClosedByOwner() bool }
	return errors.As(err, &closed) && closed.ClosedByOwner()
}

// awaitFarewell lets the 421 arrive: closing the client's connection while bytes
// from it are unread would reset it, and the reply would be lost. It lets the
// server learn of the end before the data of its uploads ends.
func (s *session) awaitFarewell() {
	s.client.lines, s.server.lines = lineReader{}, lineReader{}
	s.client.flush()
	s.server.flush()
	s.client.readOn()
	s.server.readOn()
	if s.server.ended || s.server.failed {
		s.closeParts()
	}
	if (s.client.failed || s.client.ended && s.client.idle()) && !s.keepsParts() {
		s.end()
	}
}

// closeData ends all data connections and their listeners, but for uploads that
// it is sent an ABOR for. What was being moved has failed; code is the reply
// that the client receives for it, 0 if none.
func (s *session) closeData(code int) {
	err := s.err
	if err == nil {
		err = errInterrupted
	}
	for len(s.transfers) > 0 {
		t := s.transfers[0]
		t.fail(s.ender, err)
		s.endTransfer(t, code)
	}
	for _, p := range s.paths {
		p.close()
	}
	for _, d := range s.data {
		if s.phase == done || d.state != failed {
			d.close()
		}
	}
}
