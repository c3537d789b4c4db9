package ftpfwd

import (
	"errors"
	"fmt"
	"time"
)

// readAtMost is how long the report of a success waits for a sign that the
// client has read the reply. The control connection of a client that was killed
// is reset as soon as the kernel comes to it, which may be after its data
// connection.
const readAtMost = time.Second

var errUnread = errors.New("the client closed its control connection before it read that the transfer succeeded")

// deliver reports a transfer that succeeded, unless the client turns out not to
// have read of it.
func (s *session) deliver(t *transfer) {
	t.enter(delivered)
	s.delivered = t
	s.timers.start(&s.reportBy, readAtMost, s.reportSuccess)
}

// reportSuccess reports the pending success, if there is one. Call it before
// sending the client anything else: after that, a write error no longer shows
// which reply was unread.
func (s *session) reportSuccess() {
	t := s.delivered
	if t == nil {
		return
	}
	s.delivered = nil
	s.timers.stop(&s.reportBy)
	t.enter(ended)
	s.source.emit(Event{Kind: TransferEnded, Transfer: t.Transfer})
}

// reportUnread reports the pending success as a failure: the client's connection
// has failed, and the last reply to it is unread.
func (s *session) reportUnread(err error) {
	if t := s.delivered; t != nil {
		t.Err, t.Blame, t.Reply = fmt.Errorf("%w: %w", errUnread, err), Client, 0
	}
	s.reportSuccess()
}
