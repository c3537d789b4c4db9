package ftpfwd

import (
	"errors"
	"time"
)

// How the final reply to a transfer waits for its data. Through a tunnel a 226
// overtakes megabytes, and clients that stop reading at it would keep a short
// file.

var errStalled = errors.New("the server confirmed the transfer, but its data stopped moving before the client had it")

const (
	dataAtMost       = time.Minute      // the data may stand still before a success
	refusedAtMost    = 10 * time.Second // likewise before a refusal
	connectionAtMost = 2 * time.Second  // the connection may be missing: the server made it before it replied, but the two take different ways here
)

// A finalReply is the first line of a final reply that waits for its data.
type finalReply struct {
	line  []byte
	reply replyLine
	moved int64 // what had moved when it was last checked
}

// mustFinish reports whether final reply l to t would overtake its data: a
// success, or the refusal of a download that has begun. What arrived before a
// refusal is the client's, who may want to continue behind it.
func (t *transfer) mustFinish(l replyLine) bool {
	d := t.data
	arrives := d != nil && t.Direction == Download && !d.isClosed() && !d.down.whole()
	switch {
	case !l.positive():
		return t.begun() && !t.aborted && (arrives && d.down.running() || l.code != 425 && t.connects())
	case t.Err != nil:
		return false
	case d == nil:
		return t.path != nil && t.path.server.listens()
	case d.lacksSide():
		return true
	default:
		return arrives
	}
}

// awaitsServer reports whether only the server's connection is missing. It was
// made before the server replied.
func (t *transfer) awaitsServer() bool {
	d := t.data
	return d == nil || (d.server == nil && d.path.server.listens())
}

// connects reports whether t is a download for which the server may have connected,
// though its connection is not here yet or the client is being dialled.
func (t *transfer) connects() bool {
	d, p := t.data, t.path
	switch {
	case t.Direction != Download || p == nil || p.state == closed:
		return false
	case d == nil:
		return p.server.listens()
	}
	return !d.isClosed() && (d.server == nil && p.server.listens() || d.server != nil && d.state == dialingOther)
}

// finish holds a final reply to t until its data has arrived.
func (s *session) finish(t *transfer, line []byte, l replyLine) {
	t.enter(finishing)
	t.final = finalReply{line: line, reply: l}
	s.finishing = t
	s.watchFinish(t)
}

// watchFinish gives up data that has not moved for a while: what follows is no
// success.
func (s *session) watchFinish(t *transfer) {
	limit := dataAtMost
	switch {
	case t.awaitsServer(), t.final.line == nil, !t.final.reply.positive() && t.data.carried && t.moved() == 0:
		limit = connectionAtMost // the client has its reply, or there may be nothing to come
	case !t.final.reply.positive():
		limit = refusedAtMost
	}
	if t.data != nil {
		t.final.moved = t.data.moved()
	}
	s.timers.start(&s.finishBy, limit, func() {
		if d := t.data; d != nil && d.moved() != t.final.moved {
			s.watchFinish(t)
			return
		}
		if t.final.reply.positive() {
			t.fail(t.missing())
		}
		s.endFinish()
	})
}

// missing says what keeps t from its end although the server has confirmed it.
func (t *transfer) missing() (Side, error) {
	switch {
	case t.awaitsServer():
		return Server, errNoData
	case t.data.client == nil || t.data.down.stuck.Load():
		return Client, errStalled
	}
	return Server, errStalled
}

// finishIfDue lets the held reply go when its data has arrived or failed.
func (s *session) finishIfDue() {
	if t := s.finishing; t != nil && t.data != nil && !t.mustFinish(t.final.reply) {
		s.endFinish()
	}
}

func (s *session) endFinish() {
	t := s.finishing
	s.finishing = nil
	s.heard = time.Now() // what the server has said meanwhile is not read yet
	s.timers.stop(&s.finishBy)
	s.reply = s.conclude(t, t.final.line, t.final.reply)
	if t.final.line != nil {
		s.sendLine(t.final.line, s.reply.line)
	}
}
