package ftpfwd

import (
	"errors"
	"fmt"
	"time"
)

// How an upload is aborted whose client has reset its data connection. A tunnel
// carries no reset: the server would take the end of the data for the end of the
// file and confirm it. So the server receives an ABOR first, and its data
// connection ends when it has replied, or has not within abortAnswer. From one to
// three replies come: all are dropped until none has come for abortQuiet, except
// those to commands that were sent before. The client receives a 426, in order;
// its next commands wait.
const (
	abortAnswer = 2 * time.Second
	abortQuiet  = time.Second
	abortAtMost = 10 * time.Second
	abortGrace  = time.Second // see clientAborts
)

var errAborted = errors.New("aborted by the client")

// An abort is an upload that is being aborted.
type abort struct {
	data      *dataConn // nil if there was none
	announced bool      // the server has announced the upload
	state     abortState
	takesAll  bool // the reply whose lines are being read is dropped
	step      timer
}

// An abortState says which of the server's replies have come.
//
//	awaitsUpload ─▶ awaitsAbort ─┬─▶ quiet ◀─┐
//	                             └─▶ inOrder ─┘
type abortState int

const (
	awaitsUpload abortState = iota // none
	awaitsAbort                    // the upload's
	inOrder                        // the upload's and that of a command behind it: the server replies in order, and the ABOR's comes behind theirs
	quiet                          // the upload's and the ABOR's
)

func (a abortState) String() string {
	return [...]string{"awaiting the upload's reply", "awaiting the abort's reply", "in order", "quiet"}[a]
}

// uploadFailed ends the upload that d carries, whose client is gone: with an
// ABOR of ours, unless the client has sent one itself, or the server has
// confirmed it or is refusing it, and nothing is left to abort.
func (s *session) uploadFailed(d *dataConn) {
	if d.client != nil {
		reset(d.client)
	}
	switch {
	case s.reply.rest == undecided, s.finishing != nil && s.finishing == d.transfer:
		d.close()
	case s.pending.awaits(verbAbort):
		s.timers.start(&d.closeBy, abortAnswer, d.close)
	default:
		s.abortUpload(d)
	}
}

// abortUpload begins to abort the upload that d carries.
func (s *session) abortUpload(d *dataConn) {
	t := d.transfer
	s.abortTransfer(t, d, 426, failureText(t))
}

// abortTransfer begins to abort t, whose data, if there is any, ends when the
// server knows. The client receives a reply of ours.
func (s *session) abortTransfer(t *transfer, d *dataConn, code int, text string) {
	if s.abort != nil {
		s.timers.stop(&s.abort.step)
	}
	a := &abort{data: d, announced: t.begun()}
	s.abort = a
	s.source.line(Tunnel, Server, "ABOR", "ABOR")
	s.ask([]byte("ABOR\r\n"))
	s.pending.replace(t, fmt.Sprintf("%d %s", code, text))
	s.pending.add(&request{state: requestAbort, answer: unasked})
	s.endTransfer(t, code)
	s.timers.start(&a.step, abortAnswer, func() { a.unanswered(s) })
}

// takes reports whether a line from the server is dropped, and notes what it
// means.
func (a *abort) takes(s *session, l replyLine) bool {
	if l.code == 421 {
		return false
	}
	if l.first {
		a.takesAll = !s.pending.replacedWaits() && a.concerns(l.code, s.pending.oldest())
	}
	if a.takesAll && l.last && !l.preliminary() {
		if a.state == awaitsUpload {
			a.state = awaitsAbort
		} else {
			a.state = quiet
			s.pending.forgetOurAbort()
		}
		a.closeData()
		s.timers.start(&a.step, abortQuiet, func() { a.end(s) })
	}
	return a.takesAll
}

// concerns reports whether a reply is about the upload or our ABOR, and not
// about the commands that were sent between the two.
func (a *abort) concerns(code int, oldest *request) bool {
	switch {
	case oldest == nil || oldest.state == requestAbort:
		return true
	case a.state == inOrder:
		return false
	case a.state != awaitsUpload:
		if code == 225 || code == 226 || code == 426 {
			return true
		}
		a.state = inOrder
		return false
	case code >= 400 && !(a.announced && oldest.mayBeRefused(code)):
		return true // the upload was refused: servers reply in order
	}
	return endsTransfer(code) || code == 225 || code < 200
}

// closeData ends the upload's data.
func (a *abort) closeData() {
	if a.data != nil {
		a.data.close()
	}
}

// unanswered ends the upload's data although no reply has come, but not before
// the server has replied to the commands before the upload.
func (a *abort) unanswered(s *session) {
	if s.pending.replacedWaits() {
		s.timers.start(&a.step, abortAnswer, func() { a.unanswered(s) })
		return
	}
	a.closeData()
	s.timers.start(&a.step, abortAtMost, func() { a.end(s) })
}

// end lets the client's commands continue. While the server has earlier commands
// to answer, the reply to our ABOR is still to come, and has as long after them as
// it would have had without them.
func (a *abort) end(s *session) {
	limit, others := abortQuiet, s.pending.ourAbortWaits()
	if others {
		limit = abortAtMost
	}
	due := a.state == awaitsAbort || a.state == inOrder
	if due && s.pending.awaitsOurAbort() && (time.Since(s.heard) < limit || others && s.data.mayDeliver()) {
		s.timers.start(&a.step, abortQuiet, func() { a.end(s) })
		return
	}
	s.abort = nil
	s.pending.forgetOurAbort()
}

// clientAborts helps an ABOR of the client's. Its urgency cannot travel, and
// servers that read their control connection only when urged would send the
// whole file first. So the server's side of a running download is closed after a
// grace; servers then reply 426 to the transfer and 226 to the ABOR. An upload
// that is running and whose data had not ended before is a part of a file,
// whatever the server replies.
func (s *session) clientAborts() {
	for _, t := range s.transfers {
		t.aborted = true
		d := t.data
		if d == nil || d.isClosed() {
			continue
		}
		if t.Direction == Upload {
			if t.begun() && len(s.transfers) == 1 && !d.up.whole() {
				t.fail(Client, errAborted)
			}
			return
		}
		s.timers.start(&d.closeBy, abortGrace, func() {
			if !t.over() && !d.down.ended() {
				t.fail(Client, errAborted)
				d.close()
			}
		})
		return
	}
}
