package ftpfwd

import "time"

// How long a server's 1yz to an upload waits for a client that is to connect.
const uploaderAtMost = time.Second

// uploaderAwaited reports whether the server announces an upload whose client has
// not come yet. Clients send when they have heard that; one with a small file
// has sent all of it then, and closed, before its connection is looked at, and
// nobody can tell any more whose it is.
func (s *session) uploaderAwaited() bool {
	next := s.server.lines.buf
	if s.raw || s.breaking != nil || s.server.ended || s.reader.open != 0 || s.server.lines.inTail || len(next) == 0 || next[0] != '1' {
		return false
	}
	t := s.ledger.transfer()
	if t == nil || t.Direction != Upload || t.hurried || t.path == nil || t.path.closed || !t.path.client.waits() {
		return false
	}
	if t.data != nil && t.data.client != nil {
		return false
	}
	s.alarms.keep(t, uploaderAtMost, func() { t.hurried = true })
	return true
}
