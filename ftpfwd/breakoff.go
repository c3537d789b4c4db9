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
// for those to commands that were sent before. The client has its 426 already;
// its next commands wait.
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
	swallowing bool // the reply that is under way goes nowhere
}

// uploadFailed ends the upload that d carries, whose client is gone: with an
// ABOR of ours, unless the client has sent one itself.
func (s *session) uploadFailed(d *dataConn) {
	if d.client != nil {
		reset(d.client)
	}
	if !s.ledger.awaits(verbAbort) {
		s.breakOffUpload(d)
		return
	}
	s.alarms.in("aborted upload", abortAnswer, d.close)
}

// breakOffUpload begins to break off the upload that d carries.
func (s *session) breakOffUpload(d *dataConn) {
	t := d.transfer
	s.breaking = &breakOff{data: d}
	s.tell(Event{Kind: Said, Line: Line{From: "tunnel", To: "server", Said: "ABOR", Heard: "ABOR"}})
	s.server.queue([]byte("ABOR\r\n"))
	s.ledger.forgetTransfer(t)
	s.reply("426 " + s.failure(t))
	s.transferEnded(t, 426)
	s.alarms.in("break off", abortAnswer, func() {
		d.close()
		s.alarms.in("break off", abortAtMost, s.brokenOff)
	})
}

// breakingReply swallows a line that the server says meanwhile, and reports
// whether it did.
func (s *session) breakingReply(l replyLine) bool {
	b := s.breaking
	if l.first {
		b.swallowing = endsTransfer(l.code) || l.code == 225 || l.preliminary() || s.ledger.next(0) < 0
	}
	if b.swallowing && l.last && !l.preliminary() {
		b.data.close()
		s.alarms.in("break off", abortQuiet, s.brokenOff)
	}
	return b.swallowing
}

// brokenOff lets the client's commands go on.
func (s *session) brokenOff() { s.breaking = nil }

// abort helps an ABOR of the client's along. Its urgency cannot travel, and
// servers that look at their control connection only when urged would send the
// whole file first. So the server's leg of a running download is closed after a
// grace; servers then answer the transfer with 426 and the ABOR with 226.
func (s *session) abort() {
	for _, t := range s.transfers {
		d := t.data
		if d == nil || t.Direction != Download || d.closed {
			continue
		}
		s.alarms.in("abort", abortGrace, func() {
			if s.pending(t) && !d.down.ended {
				t.failed("client", errAborted)
				d.close()
			}
		})
		return
	}
}
