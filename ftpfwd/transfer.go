package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// A transfer is a transfer command from when it is sent until its success or
// failure has been reported.
type transfer struct {
	Transfer
	state    transferState
	began    time.Time
	path     *dataPath
	data     *dataConn
	share    atomic.Pointer[share]
	final    finalReply // while it is finishing
	answered bool       // the server has sent its final reply
	aborted  bool       // the client has sent an ABOR since
	uploader timer      // for its client, while it waits for it
}

// A transferState says how far a transfer is.
//
//	commanded ─┬─▶ awaitingClient ─▶ begun ─┬─▶ finishing ─▶ delivered ─▶ ended
//	           └──────────────────▶─────────┴──▶──────────────▶───────────▶
type transferState int

const (
	commanded      transferState = iota // the server has the command
	awaitingClient                      // an upload is announced, and the 1yz waits for its client to connect
	begun                               // the server has announced it
	finishing                           // its success reply waits for its data
	delivered                           // the client was sent the success reply, and may not have read it
	ended                               // it was reported
)

func (t transferState) String() string {
	return [...]string{"commanded", "awaiting client", "begun", "finishing", "delivered", "ended"}[t]
}

// enter moves t to another state. States may be left out, but none comes again.
func (t *transfer) enter(next transferState) {
	if next <= t.state {
		panic(impossible{"transfer", t.state, next})
	}
	t.state = next
}

// begun reports whether the server has announced t.
func (t *transfer) begun() bool { return t.state >= begun }

// over reports whether t has its final reply.
func (t *transfer) over() bool { return t.state >= delivered }

// A share is the part of a flow that belongs to one transfer: what it moves
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

// A failure is why and where something failed.
type failure struct {
	side Side
	err  error
}

// fail records why and where t failed. Only the first failure counts, and none
// behind the final reply.
func (t *transfer) fail(side Side, err error) {
	if closedByOwner(err) {
		side = Tunnel
	}
	if t.Err == nil && !t.over() {
		t.Err, t.Blame = err, side
	}
}

var (
	errNoData     = errors.New("no data connection came from the server")
	errUnanswered = errors.New("the server sent no final reply, and went on to the next command")
	errGone       = errors.New("the client had ended its control connection before the server confirmed the transfer")
)

// commandTransfer passes on a command that moves data. After a data connection
// could not be opened it is refused here, so that no file is made of nothing;
// but not behind a REST, whose mark the server would keep for the next one.
func (s *session) commandTransfer(ctx context.Context, c command, line []byte, whole bool) {
	opening := s.pending.path() // the client did not wait for it
	if p := s.paths.newest(); opening == nil && p != nil && p.broken.err != nil && p.live == nil && s.params.restart == "" {
		s.dropTail = !whole
		s.refuse(c, fmt.Sprintf("425 cannot open the data connection: %v", reason(p.broken.err)))
		return
	}
	s.params.restart = ""
	t := s.newTransfer(c)
	t.path = s.paths.newest()
	if opening != nil {
		t.path = opening
	}
	if t.path != nil {
		t.path.commanded = true
		t.path.waiting++
	}
	s.transfers = append(s.transfers, t)
	s.source.emit(Event{Kind: TransferStarted, Transfer: t.Transfer})
	r := &request{kind: c.kind(), transfer: t}
	r.answer = func(ctx context.Context, line []byte, l replyLine) disposition {
		if r.state == requestDoubted && r.code >= 400 && (!endsTransfer(l.code) || s.pending.abortRefused()) {
			s.endDoubted(r)
			s.settleBefore(s.pending.takeRefused())
			return relay(line) // it is another command's
		}
		s.pending.forgetRefused()
		return s.transferReply(ctx, t, line, l)
	}
	s.pass(c, line, r)
	s.bind()
	if t.path != nil {
		s.decideCandidate(ctx, t.path)
	}
}

func (s *session) newTransfer(c command) *transfer {
	s.numbered++
	t := &transfer{began: time.Now()}
	t.Transfer = Transfer{
		Number: s.numbered, Command: c.verb, File: c.argument, Path: s.params.file(c),
		Direction: Download, Type: s.params.kind, Mode: s.params.asked, Moved: t.moved,
	}
	if c.kind() == verbUpload {
		t.Direction = Upload
	}
	return t
}

// bind gives each transfer that has no data connection one of its path, if there
// is one.
func (s *session) bind() {
	for _, t := range s.transfers {
		if t.data == nil {
			s.data.bind(t)
		}
	}
}

// rebind gives transfers whose path was refused the one before it.
func (s *session) rebind(refused *dataPath) {
	for _, t := range s.transfers {
		if t.path == refused {
			if t.path = s.paths.newest(); t.path != nil {
				t.path.waiting++
			}
		}
	}
	s.bind()
}

// beginTransfer notes that the server has announced t: an active client expects
// its connection now.
func (s *session) beginTransfer(ctx context.Context, t *transfer) {
	if !t.begun() {
		t.enter(begun)
		s.timers.stop(&t.uploader)
	}
	s.source.acceptLogin()
	if t.data != nil {
		s.join(ctx, t.data)
	}
}

// transferReply deals with the first line of t's final reply.
func (s *session) transferReply(ctx context.Context, t *transfer, line []byte, l replyLine) disposition {
	if l.positive() {
		s.beginTransfer(ctx, t) // some servers do not announce it
		if p := t.path; t.data == nil && p != nil && p.broken.err != nil {
			t.fail(p.broken.side, p.broken.err) // before the command came
		}
	}
	return s.finishOrConclude(t, line, l)
}

// finishOrConclude ends t with a final reply, now or when its data has arrived.
func (s *session) finishOrConclude(t *transfer, line []byte, l replyLine) disposition {
	if t.mustFinish(l) {
		s.finish(t, line, l)
		return disposition{rest: held, reason: s.reply.reason}
	}
	return s.conclude(t, line, l)
}

// endDoubted ends a transfer with a reply that the client received before it was
// known to be the transfer's.
func (s *session) endDoubted(r *request) {
	t, l := r.transfer, replyLine{code: r.code, first: true, last: true}
	if l.negative() {
		t.answered = true
		t.fail(Server, errors.New(r.text))
		s.releaseData(t, r.code)
		s.endTransfer(t, r.code)
		return
	}
	s.finishOrConclude(t, nil, l)
}

// endUnanswered ends a transfer to which the server sends no final reply. Its
// data is left to the server.
func (s *session) endUnanswered(t *transfer) {
	t.fail(Server, errUnanswered)
	s.endTransfer(t, 0)
}

// conclude ends t with the server's final reply, and returns what the client
// receives: no success after a failure.
func (s *session) conclude(t *transfer, line []byte, l replyLine) disposition {
	t.answered = true
	d, code := relay(line), l.code
	switch {
	case l.positive() && t.Err != nil:
		if t.data != nil {
			t.data.close()
		}
		if line != nil { // otherwise the client has had the server's
			code = 426
		}
		d = replace([]byte("426 " + oneLine(failureText(t)) + "\r\n"))
	case !l.positive():
		side := Server
		if s.clientGone() {
			side = Client // which made the server abort
		}
		text := s.reply.reason
		if text == "" {
			text = excerpt(line)
		}
		t.fail(side, errors.New(text))
		s.releaseData(t, code)
	case s.clientGone() && t.Direction == Upload:
		// A client that was killed ends its data as if the file ended there, and
		// has not read the confirmation. But it may only have half-closed: what it
		// receives is the server's reply.
		t.fail(Client, errGone)
		code = 0
	case t.data != nil && !t.data.isClosed() && !t.data.flow(t).ended() && t.Mode != modeStream:
		defer t.data.carryOn()
	}
	s.endTransfer(t, code)
	return d
}

// clientGone reports whether the client has ended its control connection
// without a QUIT.
func (s *session) clientGone() bool { return s.client.ended && !s.client.goodbye }

// releaseData deals with the data connection of a transfer that the server has
// refused. What waits for a passive server to accept it may be the next
// command's; but a connection that was made only for this transfer, or that the
// server had begun to use, is over there, though its end may not be here yet.
func (s *session) releaseData(t *transfer, code int) {
	if p := t.path; code == 425 && p != nil && p.server.listens() && t.awaitsServer() {
		s.learn(p.method, false) // the server could not connect
	}
	switch d := t.data; {
	case d == nil || d.isClosed():
	case d.lacksSide() || t.begun() || d.path.server.listens() || d.path.dialsBoth() || t.Mode != modeStream || d.abandoned():
		d.close()
	case d.moved() == 0:
		d.transfer = nil
	}
}

// failureText describes t's failure to the client.
func failureText(t *transfer) string {
	text := fmt.Sprintf("transfer failed: the data connection to the %s broke", t.Blame)
	if t.Direction == Upload {
		text += "; the file on the server is not complete"
	}
	return text
}

// endTransfer removes t from the session's transfers and reports it.
func (s *session) endTransfer(t *transfer, code int) {
	t.Reply, t.Duration, t.Bytes = code, time.Since(t.began), t.moved()
	if t.path != nil {
		if t.answered || !t.awaitsServer() {
			t.path.waiting--
		}
		t.Method, t.ServerMethod = t.path.clientMethod, t.path.serverMethod
	}
	s.transfers = slices.DeleteFunc(s.transfers, func(other *transfer) bool { return other == t })
	s.reportSuccess() // of the transfer before
	if t.Err == nil {
		s.deliver(t)
		return
	}
	t.enter(ended)
	s.source.emit(Event{Kind: TransferEnded, Transfer: t.Transfer})
}
