package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

var errNoWay = errors.New("the FTP server is not on the gateway, so it could not connect back")

// failures are why one way after the other failed.
type failures []error

func (f failures) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (f failures) Unwrap() []error { return f }

// refused deals with a server's refusal of o. What is about the login and not
// about the way goes to the client, and so does what comes too late.
func (s *session) refused(ctx context.Context, o *opening, line []byte, l replyLine) []byte {
	s.alarms.cancel("opening")
	late := s.opening != o && s.ledger.next(0) >= 0
	if aboutLogin(l.code) || late || (o.native() && len(o.failed) == 0 && len(o.left) == 0) {
		s.dropPath(o.path)
		s.release(o)
		s.rebind(o.path)
		if o.asked.verb == "" {
			s.swallowing = !l.last
			return nil
		}
		return line
	}
	s.swallowing = !l.last
	refusal := fmt.Sprintf("%d %s", l.code, strings.TrimSpace(string(line[l.text:])))
	if o.refusal == "" && o.native() {
		o.refusal = refusal
	}
	s.wayFailed(ctx, o, fmt.Errorf("the server refuses %s: %s", o.way.verb, oneLine(refusal)))
	return nil
}

// wayFailed goes on to the next way.
func (s *session) wayFailed(ctx context.Context, o *opening, err error) {
	s.target.known.learn(o.way, false)
	o.failed = append(o.failed, err)
	s.opening = o
	s.tryNext(ctx, o)
}

// cannotOpen tells the client that there is no way.
func (s *session) cannotOpen(o *opening) {
	s.release(o)
	if len(o.failed) == 0 {
		o.failed = failures{errNoWay}
	}
	s.tell(Event{Kind: Warned, Warning: NoDataConnection, Text: "no data connection can be opened", Err: o.failed})
	p := o.path
	switch {
	case o.asked.verb == "" && p.live != nil: // the client has connected
		p.broken, p.brokenLeg = o.failed, Server
		p.live.close()
	case o.asked.verb == "":
		s.dropPath(p)
	case o.refusal != "":
		s.dropPath(p)
		s.ledger.sent(slot{own: o.refusal})
	default:
		s.dropPath(p)
		s.ledger.sent(slot{own: fmt.Sprintf("425 %s refused: %v", o.asked.verb, reason(o.failed))})
	}
}

// aboutLogin reports whether code refuses what the client may do, or all, and
// not the way it asked for (RFC 959, 4.2.2; RFC 2228, 5.1).
func aboutLogin(code int) bool {
	switch code {
	case 421, 503, 530, 532, 533, 534, 535, 536, 537:
		return true
	}
	return code/100 == 3
}

// reason returns what to tell a client about err.
func reason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer from the gateway in time")
	}
	return err
}
