package ftpfwd

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A transfer is a transfer command from when it is sent until its final reply
// has reached the client.
type transfer struct {
	Transfer
	began   time.Time
	started bool // the server has announced it with a 1yz reply
	data    *dataConn
}

// A heldReply is the first line of a final reply that waits for its data:
// through a tunnel a 226 overtakes megabytes, and clients that stop reading at
// it would keep a short file.
type heldReply struct {
	transfer *transfer
	line     []byte
	reply    replyLine
	moved    int64 // what had moved when we last looked
}

// How long a success reply waits for a data connection that has not come: the
// server connected before it said so, but the two take different ways here. What
// does not come at all was lost on the way.
const connectionAtMost = 2 * time.Second

var errNoData = errors.New("no data connection came from the server")

// failed records why and where t failed. Only the first failure counts.
func (t *transfer) failed(leg string, err error) {
	if t.Err == nil {
		t.Err, t.Leg = err, leg
	}
}

// transferCommand passes on a command that moves data. After a data connection
// could not be opened it is answered here, so that no file is made of nothing;
// but not behind a REST, whose mark the server would keep for the next one.
func (s *session) transferCommand(c command, line []byte) {
	if p := s.path(); p != nil && p.broken != nil && p.live == nil && !s.restart {
		s.refuse(c, fmt.Sprintf("425 cannot open the data connection: %v", reason(p.broken)))
		return
	}
	s.restart = false
	t := &transfer{began: time.Now(), Transfer: Transfer{Command: c.verb, File: c.argument, Direction: Download}}
	if c.kind() == verbUpload {
		t.Direction = Upload
	}
	if p := s.path(); p != nil {
		t.Mode = p.mode // until its data connection tells
	}
	s.transfers = append(s.transfers, t)
	s.pass(c, line, slot{kind: c.kind(), transfer: t})
	s.bind()
}

// bind joins the first transfer that has no data connection with the first data
// connection that has no transfer. Clients connect before or after they send
// the command.
func (s *session) bind() {
	for _, t := range s.transfers {
		if t.data != nil {
			continue
		}
		for _, d := range s.data {
			if d.transfer == nil && !d.closed {
				t.data, d.transfer = d, t
				t.Mode = d.path.mode
				return
			}
		}
		return
	}
}

// transferReply decides what becomes of the first line of t's final reply.
func (s *session) transferReply(t *transfer, line []byte, l replyLine) []byte {
	if l.positive() && s.hasToWait(t) {
		s.held = &heldReply{transfer: t, line: line, reply: l, moved: -1}
		s.watchHeld()
		return nil
	}
	return s.conclude(t, line, l)
}

// hasToWait reports whether a success reply to t would overtake its data.
func (s *session) hasToWait(t *transfer) bool {
	d := t.data
	switch {
	case t.Err != nil:
		return false
	case d == nil:
		p := s.path()
		return p != nil && p.server.listener != nil
	case d.opening():
		return true
	default:
		return t.Direction == Download && !d.closed && !d.down.ended
	}
}

// watchHeld lets the held reply go when its data has not moved for a while.
func (s *session) watchHeld() {
	h := s.held
	limit := heldAtMost
	if h.transfer.data == nil {
		limit = connectionAtMost
	}
	s.alarms.in("held reply", limit, func() {
		d := h.transfer.data
		if d != nil && d.moved() != h.moved {
			h.moved = d.moved()
			s.watchHeld()
			return
		}
		if d == nil {
			h.transfer.failed("server", errNoData)
		}
		s.release()
	})
}

// releaseIfDue lets the held reply go when its data has arrived or failed.
func (s *session) releaseIfDue() {
	if s.held != nil && s.held.transfer.data != nil && !s.hasToWait(s.held.transfer) {
		s.release()
	}
}

func (s *session) release() {
	h := s.held
	s.held = nil
	s.alarms.cancel("held reply")
	line := s.conclude(h.transfer, h.line, h.reply)
	s.client.queue(line)
	s.tellReply(h.line, line)
	if h.reply.last {
		s.swallowing = false
	}
}

// conclude ends t with the server's final reply, and returns what the client
// hears: no success after a failure.
func (s *session) conclude(t *transfer, line []byte, l replyLine) []byte {
	code := l.code
	switch {
	case l.positive() && t.Err != nil:
		if t.data != nil {
			t.data.close()
		}
		code, s.swallowing = 426, !l.last
		line = []byte("426 " + oneLine(s.failure(t)) + "\r\n")
	case !l.positive():
		t.failed("server", errors.New(oneLine(strings.TrimSpace(string(line[:min(len(line), 200)])))))
		if d := t.data; d != nil && !d.closed && d.moved() == 0 {
			d.transfer = nil // not begun: the next command's, or nobody's
		}
	}
	s.transferEnded(t, code)
	return line
}

// failure describes t's failure to the client.
func (s *session) failure(t *transfer) string {
	text := fmt.Sprintf("transfer failed: the data connection to the %s broke", t.Leg)
	if t.Direction == Upload {
		text += "; the file on the server is not complete"
	}
	return text
}

// transferEnded forgets t and reports it.
func (s *session) transferEnded(t *transfer, code int) {
	t.Reply, t.Duration = code, time.Since(t.began)
	if d := t.data; d != nil && t.Direction == Upload {
		t.Bytes = d.up.moved.Load()
	} else if d != nil {
		t.Bytes = d.down.moved.Load()
	}
	for i, other := range s.transfers {
		if other == t {
			s.transfers = append(s.transfers[:i], s.transfers[i+1:]...)
			break
		}
	}
	s.tell(Event{Kind: TransferEnded, Transfer: t.Transfer})
}
