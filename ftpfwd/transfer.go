package ftpfwd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// A transfer is a transfer command from when it is sent until its final reply
// has reached the client.
type transfer struct {
	Transfer
	began   time.Time
	started bool // the server has announced it with a 1yz reply
	hurried bool // it may be announced before its client has come
	path    *path
	data    *dataConn
	share   atomic.Pointer[share]
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

// How long a success reply waits for more data in the modes that do not say
// where a file ends and may leave the data connection open.
const continuesAtMost = 2 * time.Second

var (
	errNoData = errors.New("no data connection came from the server")
	errGone   = errors.New("the client had ended its control connection before the server confirmed the transfer")
)

// A share is the part of a flow that belongs to one transfer: what it has moved
// beyond a count.
type share struct {
	flow   *flow
	before int64
}

// moved returns the bytes of t that have arrived so far. Any goroutine may call
// it.
func (t *transfer) moved() int64 {
	s := t.share.Load()
	if s == nil {
		return 0
	}
	return s.flow.moved.Load() - s.before
}

// failed records why and where t failed. Only the first failure counts.
func (t *transfer) failed(leg Side, err error) {
	if t.Err == nil {
		t.Err, t.Blame = err, leg
	}
}

// transferCommand passes on a command that moves data. After a data connection
// could not be opened it is answered here, so that no file is made of nothing;
// but not behind a REST, whose mark the server would keep for the next one.
func (s *session) transferCommand(c command, line []byte) {
	o := s.ledger.opening() // the client did not wait for it
	if p := s.path(); o == nil && p != nil && p.broken != nil && p.live == nil && s.restart == "" {
		s.refuse(c, fmt.Sprintf("425 cannot open the data connection: %v", reason(p.broken)))
		return
	}
	s.restart = ""
	t := &transfer{began: time.Now(), Transfer: Transfer{Command: c.verb, File: c.argument, Direction: Download}}
	if c.kind() == verbUpload {
		t.Direction = Upload
	}
	t.path = s.path()
	if o != nil {
		t.path = o.path
	}
	if t.path != nil {
		t.path.commanded = true
	}
	s.numbered++
	t.Number, t.Mode, t.Moved = s.numbered, s.mode, t.moved
	s.transfers = append(s.transfers, t)
	s.tell(Event{Kind: TransferStarted, Transfer: t.Transfer})
	s.pass(c, line, slot{kind: c.kind(), transfer: t})
	s.bind()
}

// bind joins a transfer that has no data connection with the first one of its
// path that has no transfer. Clients connect before or after they send
// the command.
func (s *session) bind() {
	for _, t := range s.transfers {
		if t.data != nil {
			continue
		}
		for _, d := range s.data {
			if d.transfer == nil && !d.closed && d.path == t.path {
				d.carry(t)
				break
			}
		}
	}
}

// rebind gives transfers whose path was refused the one that was there before.
func (s *session) rebind(refused *path) {
	for _, t := range s.transfers {
		if t.path == refused {
			t.path = s.path()
		}
	}
	s.bind()
}

// begun notes that the server has begun t: an active client expects its
// connection now.
func (s *session) begun(ctx context.Context, t *transfer) {
	t.started = true
	s.login()
	if t.data != nil {
		s.join(ctx, t.data)
	}
}

// transferReply decides what becomes of the first line of t's final reply.
func (s *session) transferReply(ctx context.Context, t *transfer, line []byte, l replyLine) []byte {
	if l.positive() {
		s.begun(ctx, t) // some servers do not announce
		if p := t.path; t.data == nil && p != nil && p.broken != nil {
			t.failed(p.brokenLeg, p.broken) // before the command came
		}
	}
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
		return t.path != nil && t.path.server.waits()
	case d.opening():
		return true
	default:
		return t.Direction == Download && !d.closed && !d.down.whole()
	}
}

// awaitsServer reports whether only the server's connection is missing. It was
// made before the server said that all went well.
func (t *transfer) awaitsServer() bool {
	d := t.data
	return d == nil || (d.server == nil && d.path.server.waits())
}

// watchHeld lets the held reply go when its data has not moved for a while.
func (s *session) watchHeld() {
	h := s.held
	limit := heldAtMost
	if h.transfer.awaitsServer() {
		limit = connectionAtMost
	} else if s.mode != modeStream && s.mode != modeBlock {
		limit = continuesAtMost
	}
	s.alarms.in("held reply", limit, func() {
		d := h.transfer.data
		if d != nil && d.moved() != h.moved {
			h.moved = d.moved()
			s.watchHeld()
			return
		}
		if h.transfer.awaitsServer() {
			h.transfer.failed(Server, errNoData)
		}
		s.releaseHeld()
	})
}

// releaseIfDue lets the held reply go when its data has arrived or failed.
func (s *session) releaseIfDue() {
	if s.held != nil && s.held.transfer.data != nil && !s.hasToWait(s.held.transfer) {
		s.releaseHeld()
	}
}

func (s *session) releaseHeld() {
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
		leg := Server
		if s.clientGone() {
			leg = Client // which made the server break off
		}
		t.failed(leg, errors.New(cmp.Or(s.refusal, said(line))))
		s.notBegun(t, code)
	case s.clientGone() && t.Direction == Upload:
		// A client that was killed ends its data as if the file ended there, and
		// nobody has heard the confirmation. But one may only have half-closed:
		// what it hears is the server's to say.
		t.failed(Client, errGone)
		code = 0
	case t.data != nil && !t.data.closed && !t.data.flow(t).ended && s.mode != modeStream:
		defer t.data.carryOn()
	}
	s.transferEnded(t, code)
	return line
}

// clientGone reports whether the client has ended its control connection
// without a QUIT.
func (s *session) clientGone() bool { return s.client.ended && !s.quit }

// said returns the beginning of a line as text.
func said(line []byte) string {
	return oneLine(strings.TrimSpace(string(line[:min(len(line), 200)])))
}

// notBegun deals with the data connection of a transfer that the server has
// refused. What waits to be accepted by a passive server may be the next
// command's; but a connection that was made for this transfer alone, or that the
// server had begun to use, is over there, though its end may not be here yet.
func (s *session) notBegun(t *transfer, code int) {
	if p := t.path; code == 425 && p != nil && p.server.waits() && t.awaitsServer() {
		s.target.known.learn(p.way, false) // the server could not connect
	}
	switch d := t.data; {
	case d == nil || d.closed:
	case d.opening() || t.started || d.path.server.waits() || d.path.dialsBoth() || d.block || d.left():
		d.close()
	case d.moved() == 0:
		d.transfer = nil
	}
}

// failure describes t's failure to the client.
func (s *session) failure(t *transfer) string {
	text := fmt.Sprintf("transfer failed: the data connection to the %s broke", t.Blame)
	if t.Direction == Upload {
		text += "; the file on the server is not complete"
	}
	return text
}

// transferEnded forgets t and reports it.
func (s *session) transferEnded(t *transfer, code int) {
	t.Reply, t.Duration = code, time.Since(t.began)
	if t.path != nil {
		t.Method, t.ServerMethod = t.path.mode, t.path.way.verb
	}
	t.Bytes = t.moved()
	for i, other := range s.transfers {
		if other == t {
			s.transfers = append(s.transfers[:i], s.transfers[i+1:]...)
			break
		}
	}
	s.heard() // what ended before
	if t.Err == nil {
		s.confirm(t.Transfer)
	} else {
		s.tell(Event{Kind: TransferEnded, Transfer: t.Transfer})
	}
}
