package ftpfwd

import (
	"errors"
	"fmt"
	"time"
)

// How long the report of a success waits for a sign that the client has read the
// reply that says so. One that was killed meanwhile resets its control
// connection as soon as the kernel comes to it, which may be after its data
// connection.
const heardAtMost = time.Second

var errUnheard = errors.New("the client broke its control connection off before it read that the transfer succeeded")

// confirm reports a transfer that succeeded, unless the client turns out not to
// have heard of it.
func (s *session) confirm(t Transfer) {
	s.confirmed = &t
	s.alarms.in("confirmed", heardAtMost, s.heard)
}

// heard reports the success: the client has read of it, as far as can be known. It
// is called before the client is told anything else, since who does not read
// that may have read the success.
func (s *session) heard() {
	if t := s.confirmed; t != nil {
		s.confirmed = nil
		s.alarms.cancel("confirmed")
		s.tell(Event{Kind: TransferEnded, Transfer: *t})
	}
}

// unheard notes that the client's connection has failed: what it was told last
// is unread.
func (s *session) unheard(err error) {
	if t := s.confirmed; t != nil {
		t.Err, t.Blame, t.Reply = fmt.Errorf("%w: %w", errUnheard, err), Client, 0
	}
	s.heard()
}
