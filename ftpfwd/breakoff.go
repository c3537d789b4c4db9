package ftpfwd

import (
	"errors"
	"time"
)

// How an upload is broken off that the client has reset. A tunnel carries no
// reset: the server would take the end of the data for the end of the file and
// confirm it. So it is told with ABOR first, and its data connection ends when
// it has answered, or has not within abortAnswer. How many replies come varies
// from one to three: all are swallowed until none has come for abortQuiet, but
// for those to commands that were sent before. The client has a 426, in its
// turn; its next commands wait.
const (
	abortAnswer = 2 * time.Second
	abortQuiet  = time.Second
	abortAtMost = 10 * time.Second
	abortGrace  = time.Second // see abort
)

var errAborted = errors.New("aborted by the client")

// A breakOff is an upload being broken off.
type breakOff struct {
	data       *dataConn
	begun      bool // the server has announced the upload
	swallowing bool // the reply that is under way goes nowhere
	swallowed  int  // final replies; the first was the upload's
	passed     bool // it answers in order: a command behind the upload has its answer, ours has none yet
	heard      time.Time
}

// uploadFailed ends the upload that d carries, whose client is gone: with an
// ABOR of ours, unless the client has sent one itself, or the server has
// confirmed it or is refusing it, and nothing is left to break off.
func (s *session) uploadFailed(d *dataConn) {
	if d.client != nil {
		reset(d.client)
	}
	switch {
	case s.refusing, s.held != nil && s.held.transfer == d.transfer:
		d.close()
	case s.ledger.awaits(verbAbort):
		s.alarms.in("aborted upload", abortAnswer, d.close)
	default:
		s.breakOffUpload(d)
	}
}

// breakOffUpload begins to break off the upload that d carries.
func (s *session) breakOffUpload(d *dataConn) {
	t := d.transfer
	s.breaking = &breakOff{data: d, begun: t.started}
	s.tell(Event{Kind: LinePassed, Line: Line{From: Tunnel, To: Server, Received: "ABOR", Sent: "ABOR"}})
	s.ask([]byte("ABOR\r\n"))
	s.ledger.answerTransfer(t, "426 "+s.failure(t))
	s.ledger.sent(slot{unheard: true, ours: true})
	s.transferEnded(t, 426)
	s.alarms.in("break off", abortAnswer, s.noAnswer)
}

// breakingReply swallows a line that the server says meanwhile, and reports
// whether it did.
func (s *session) breakingReply(l replyLine) bool {
	b := s.breaking
	b.heard = time.Now()
	if l.first {
		b.swallowing = !s.ledger.brokenWaits() && b.concerns(l.code, &s.ledger)
	}
	if b.swallowing && l.last && !l.preliminary() {
		if b.swallowed++; b.swallowed > 1 {
			s.ledger.forgetOurs()
		}
		b.data.close()
		s.alarms.in("break off", abortQuiet, s.brokenOff)
	}
	return b.swallowing
}

// concerns reports whether a reply is about the upload or our ABOR, and not
// about the commands that were sent between the two.
func (b *breakOff) concerns(code int, l *ledger) bool {
	next := l.next(0)
	switch {
	case next < 0 || l.slots[next].ours:
		return true
	case b.passed:
		return false
	case b.swallowed > 0:
		b.passed = code != 225 && code != 226 && code != 426
		return !b.passed
	case !b.begun && code >= 400:
		return true // the upload was refused
	}
	return endsTransfer(code) || code == 225 || code < 200
}

// noAnswer ends the upload's data although nothing has come, but not before the
// server has had its turn to hear of it.
func (s *session) noAnswer() {
	if s.ledger.brokenWaits() {
		s.alarms.in("break off", abortAnswer, s.noAnswer)
		return
	}
	s.breaking.data.close()
	s.alarms.in("break off", abortAtMost, s.brokenOff)
}

// brokenOff lets the client's commands go on. While the server has others to
// answer that came before it, the answer to our ABOR is still to come, and for
// as long after them as it would have had without them.
func (s *session) brokenOff() {
	b := s.breaking
	quiet, others := abortQuiet, s.ledger.waitsForOurs()
	if others {
		quiet = abortAtMost
	}
	if b.swallowed == 1 && s.ledger.awaitsOurs() && (time.Since(b.heard) < quiet || others && s.dataMoves()) {
		s.alarms.in("break off", abortQuiet, s.brokenOff)
		return
	}
	s.breaking = nil
	s.ledger.forgetOurs()
}

// abort helps an ABOR of the client's along. Its urgency cannot travel, and
// servers that look at their control connection only when urged would send the
// whole file first. So the server's leg of a running download is closed after a
// grace; servers then answer the transfer with 426 and the ABOR with 226. An
// upload under way whose data had not ended before is a part, whatever they say.
func (s *session) abort() {
	for _, t := range s.transfers {
		d := t.data
		if d == nil || d.closed {
			continue
		}
		if t.Direction == Upload {
			if t.started && len(s.transfers) == 1 && !d.up.whole() {
				t.failed(Client, errAborted)
			}
			return
		}
		s.alarms.in("abort", abortGrace, func() {
			if s.pending(t) && !d.down.ended {
				t.failed(Client, errAborted)
				d.close()
			}
		})
		return
	}
}
