package ftpfwd

import "time"

// uploaderAtMost is how long a server's 1yz to an upload waits for the client to
// connect.
const uploaderAtMost = time.Second

// awaitedUploader returns the upload that the server announces next although its
// client has not connected yet, or nil. Clients send when they have read the
// announcement; one with a small file has then sent all of it, and closed,
// before its connection is looked at, and nobody can find its owner any more.
func (s *session) awaitedUploader() *transfer {
	next := s.server.lines.buf
	if s.phase != relaying && s.phase != greeting || s.abort != nil || s.server.ended || s.reader.open != 0 ||
		s.server.lines.inTail || len(next) == 0 || next[0] != '1' {
		return nil
	}
	t := s.pending.transfer()
	if t == nil || t.Direction != Upload || t.begun() || t.path == nil || t.path.state == closed || !t.path.client.listens() {
		return nil
	}
	if t.data != nil && t.data.client != nil {
		return nil
	}
	return t
}

// awaitUploader gives the client of an upload that is announced a time to
// connect.
func (s *session) awaitUploader() {
	t := s.awaitedUploader()
	if t == nil || t.state == awaitingClient {
		return
	}
	t.enter(awaitingClient)
	s.timers.start(&t.uploader, uploaderAtMost, func() {
		if !t.begun() {
			t.enter(begun) // its announcement is the line that comes next
		}
	})
}
