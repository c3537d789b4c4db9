package ftpfwd

import "time"

// How the success reply to a transfer waits for its data. Through a tunnel a 226
// overtakes megabytes, and clients that stop reading at it would keep a short
// file.

const (
	dataAtMost       = time.Minute     // the data may stand still
	connectionAtMost = 2 * time.Second // the connection may be missing: the server made it before it replied, but the two take different ways here
	continuesAtMost  = 2 * time.Second // the data may stand still in the modes that do not mark the end of a file
)

// A finalReply is the first line of a final reply that waits for its data.
type finalReply struct {
	line  []byte
	reply replyLine
	moved int64 // what had moved when it was last checked
}

// mustFinish reports whether a success reply to t would overtake its data.
func (t *transfer) mustFinish() bool {
	d := t.data
	switch {
	case t.Err != nil:
		return false
	case d == nil:
		return t.path != nil && t.path.server.listens()
	case d.lacksSide():
		return true
	default:
		return t.Direction == Download && !d.isClosed() && !d.down.whole()
	}
}

// awaitsServer reports whether only the server's connection is missing. It was
// made before the server replied.
func (t *transfer) awaitsServer() bool {
	d := t.data
	return d == nil || (d.server == nil && d.path.server.listens())
}

// finish holds a success reply to t until its data has arrived.
func (s *session) finish(t *transfer, line []byte, l replyLine) {
	t.enter(finishing)
	t.final = finalReply{line: line, reply: l, moved: -1}
	s.finishing = t
	s.watchFinish(t)
}

// watchFinish lets the reply go when the data has not moved for a while.
func (s *session) watchFinish(t *transfer) {
	limit := dataAtMost
	if t.awaitsServer() {
		limit = connectionAtMost
	} else if s.params.mode != modeStream && s.params.mode != modeBlock {
		limit = continuesAtMost
	}
	s.timers.start(&s.finishBy, limit, func() {
		if d := t.data; d != nil && d.moved() != t.final.moved {
			t.final.moved = d.moved()
			s.watchFinish(t)
			return
		}
		if t.awaitsServer() {
			t.fail(Server, errNoData)
		}
		s.endFinish()
	})
}

// finishIfDue lets the held reply go when its data has arrived or failed.
func (s *session) finishIfDue() {
	if t := s.finishing; t != nil && t.data != nil && !t.mustFinish() {
		s.endFinish()
	}
}

func (s *session) endFinish() {
	t := s.finishing
	s.finishing = nil
	s.timers.stop(&s.finishBy)
	s.reply = s.conclude(t, t.final.line, t.final.reply)
	s.sendLine(t.final.line, s.reply.line)
}
