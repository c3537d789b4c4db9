package ftpfwd

import (
	"slices"
	"time"
)

// How a client leaves while it uploads. FTP's commands overtake its data here: a
// client that has written all of its file and its end, and then says QUIT or
// closes its control connection, would have a part of the file stored. So its
// end is passed on behind the data that it has sent well. Data that is broken, or
// that stands still, is aborted: the server must not take its end for the end of
// the file.

const (
	quitAtMost    = time.Second            // that a QUIT waits while an upload does not move
	leaveAtMost   = 10 * time.Second       // that the upload of a client that is gone may stand still
	arrivalAtMost = 200 * time.Millisecond // that an upload's connection takes from the listener, or the dial, to the session
	partAtMost    = time.Second            // that the data of an upload stays open behind our ABOR
)

// uploading reports whether data of an upload may still be on its way from the
// client.
func (s *session) uploading() bool {
	return slices.ContainsFunc(s.transfers, func(t *transfer) bool {
		return t.uploads() && !t.data.up.ended() || t.hasCandidate() || s.mayArrive(t)
	})
}

// hasCandidate reports whether t is an upload whose client may have connected.
func (t *transfer) hasCandidate() bool {
	return t.Direction == Upload && t.lacksClient() && t.path != nil && t.path.candidate.conn != nil
}

// awaitArrival lets an upload's connection arrive whose client leaves: it may have
// connected, written all and closed in the same moment, and its owner is being
// looked up.
func (s *session) awaitArrival() {
	if s.arrival != notWaited {
		return
	}
	s.arrival = waiting
	s.timers.start(&s.arrivalBy, arrivalAtMost, func() { s.arrival = waited })
}

// mayArrive reports whether t is an upload whose client's connection may be on its
// way: from our listener, or from a dial that the client has accepted already.
func (s *session) mayArrive(t *transfer) bool {
	if s.arrival != waiting || t.Direction != Upload || t.Err != nil || !t.lacksClient() {
		return false
	}
	p, d := t.path, t.data
	return p != nil && p.state != closed && p.client.listens() || d != nil && d.state == dialingOther
}

// uploads reports whether t is an upload whose client has connected, and that is
// neither over nor broken.
func (t *transfer) uploads() bool {
	d := t.data
	return t.Direction == Upload && t.Err == nil && !t.over() && d != nil && !d.isClosed() && d.client != nil && d.up.state != flowBroken
}

// holdQuit lets a QUIT that waits continue when no upload moves any more.
func (s *session) holdQuit() {
	if s.quit == waiting && !s.uploading() {
		s.endQuitWait()
	}
}

// quitWaits reports whether a QUIT has to wait for an upload.
func (s *session) quitWaits() bool {
	s.awaitArrival()
	if s.quit != notWaited || !s.uploading() {
		return false
	}
	s.quit = waiting
	s.watchQuit()
	return true
}

func (s *session) watchQuit() {
	before := s.data.moved()
	s.timers.start(&s.quitBy, quitAtMost, func() {
		if s.data.moved() == before {
			s.endQuitWait()
			return
		}
		s.watchQuit()
	})
}

func (s *session) endQuitWait() {
	s.quit = waited
	s.timers.stop(&s.quitBy)
}

// clientFailed ends a session whose client can no longer be sent a reply, once
// its uploads have ended.
func (s *session) clientFailed(err error) {
	s.reportUnread(err)
	s.awaitArrival()
	if s.phase == done || s.phase == leaving {
		return
	}
	if s.err == nil {
		s.err, s.ender = err, Client
	}
	s.client.giveUp()
	if s.phase != relaying || s.abort == nil && !s.anyUpload() {
		s.enter(done)
		return
	}
	s.enter(leaving)
	s.release(s.opening)
	for _, t := range s.transfers {
		if t.Direction == Download {
			t.fail(Client, err)
			if t.data != nil {
				t.data.close()
			}
		}
	}
}

// anyUpload reports whether an upload has no final reply, and its data is on its
// way or has passed whole.
func (s *session) anyUpload() bool {
	return slices.ContainsFunc(s.transfers, func(t *transfer) bool {
		return t.uploads() || t.hasCandidate() || s.mayArrive(t) || t.Direction == Upload && t.Err == nil && t.data != nil && t.data.up.ended()
	})
}

// awaitUploads ends the session of a client that is gone when its uploads have
// ended.
func (s *session) awaitUploads() {
	if s.server.ended || s.abort == nil && !s.anyUpload() {
		s.end()
		return
	}
	s.linger(leaveAtMost)
}

// abortUploads aborts what a client that is gone has left standing still, and
// reports whether there was anything.
func (s *session) abortUploads() bool {
	if s.abort != nil {
		return true
	}
	for _, t := range s.transfers {
		if t.uploads() && !t.data.up.ended() {
			t.fail(Client, errLeft)
			t.data.fail()
			s.uploadFailed(t.data)
			return true
		}
	}
	return false
}

// forsakeUploads ends the session's uploads towards the server, whose control
// connection is about to end: the ABOR and that end arrive first, and the data's
// a moment later, or when the server has ended the data itself.
func (s *session) forsakeUploads() {
	told := false
	for _, d := range s.data {
		if t := d.transfer; d.state != failed { // otherwise it is being aborted
			if t == nil || !t.uploads() || d.up.ended() || d.server == nil {
				continue
			}
			reset(d.client)
			d.fail()
			if !told && !s.midLine() {
				told = true
				s.source.line(Tunnel, Server, "ABOR", "ABOR")
				s.server.queue([]byte("ABOR\r\n"))
			}
		}
		s.timers.start(&s.dataBy, partAtMost, s.closeParts)
	}
}

// closeParts closes what forsakeUploads has left open.
func (s *session) closeParts() {
	for _, d := range s.data {
		d.close()
	}
}

// keepsParts reports whether there is anything for closeParts to do.
func (s *session) keepsParts() bool {
	return slices.ContainsFunc(s.data, func(d *dataConn) bool { return !d.isClosed() })
}
