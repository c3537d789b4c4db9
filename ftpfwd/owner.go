package ftpfwd

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// An OwnerError reports that a connection was turned away because of the user
// whose process made it.
type OwnerError struct {
	Owner string   // as [Forwarder.Owner] names users
	Users []string // whose it could have been
	Err   error    // why the owner is not known, if that is the cause
}

func (e *OwnerError) Error() string {
	if e.Err != nil {
		return "nobody can tell whose connection it is: " + e.Err.Error()
	}
	return "it is user " + e.Owner + "'s, who has no business here"
}

// Unwrap returns Err.
func (e *OwnerError) Unwrap() error { return e.Err }

// owner returns whose conn is, and an [*OwnerError] if that is none of users.
func (f *Forwarder) owner(conn net.Conn, users []string) (string, error) {
	if f.Owner == nil {
		return "", nil
	}
	owner, err := f.Owner(conn)
	switch {
	case err != nil:
		return "", &OwnerError{Users: users, Err: err}
	case owner != "" && users != nil && !slices.Contains(users, owner):
		return "", &OwnerError{Owner: owner, Users: users}
	}
	return owner, nil
}

// turnAway ends a control connection that may not come in. Closed while it has
// said what nobody has read, it would be reset, and the 421 might be lost.
func (f *Forwarder) turnAway(ctx context.Context, id int64, conn net.Conn, err error) {
	if f.Observe != nil {
		f.Observe(Event{Kind: Warned, Warning: ClientRejected, Time: time.Now(), Session: id, Server: f.Server, Client: conn.RemoteAddr().String(), Listener: conn.LocalAddr().String(), Text: "a client is turned away", Err: err})
	}
	ctx, cancel := context.WithTimeout(ctx, farewellAtMost)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "421 %s\r\n", oneLine(err.Error()))
	_ = closeWrite(conn)
	_, _ = io.CopyN(io.Discard, conn, maxQueued)
}

// ownData reports whether conn is of the user who has the control connection,
// and turns it away if not: whoever connects first gets the data (RFC 2577, 8).
func (s *session) ownData(conn net.Conn) bool {
	if s.owner == "" {
		return true
	}
	_, err := s.f.owner(conn, []string{s.owner})
	if err == nil {
		return true
	}
	s.tell(Event{Kind: Warned, Warning: DataRejected, Text: "a data connection is turned away", Err: err})
	reset(conn)
	return false
}
