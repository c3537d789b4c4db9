package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
)

// ErrOwnerGone is wrapped by the error of [Forwarder].Owner if the owner of a
// connection is not known because its process has closed the connection already.
// It may have been anybody's. An owner that is not known for another reason, and
// that of a connection which is still open, is an error that does not wrap it.
var ErrOwnerGone = errors.New("the client has closed the connection")

// An OwnerError reports that a connection was rejected because of the user whose
// process made it.
type OwnerError struct {
	Owner string   // as [Forwarder.Owner] names users
	Users []string // that are accepted
	Err   error    // if not nil, why the owner is not known
}

func (e *OwnerError) Error() string {
	if e.Err != nil {
		return "the owner of the connection is not known: " + e.Err.Error()
	}
	return "user " + e.Owner + " may not use this port"
}

// Unwrap returns Err.
func (e *OwnerError) Unwrap() error { return e.Err }

// checkOwner returns the owner of conn, and an [*OwnerError] if that is none of
// users.
func (f *Forwarder) checkOwner(conn net.Conn, users []string) (string, error) {
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

// reject closes a control connection with a 421. Closing it while bytes from the
// client are unread would reset it, and the reply might be lost.
func (f *Forwarder) reject(ctx context.Context, id int64, conn net.Conn, err error) {
	from := newSource(f, id, conn)
	from.warn(ClientRejected, "a client was rejected", err)
	ctx, cancel := context.WithTimeout(ctx, farewellAtMost)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "421 %s\r\n", oneLine(err.Error()))
	_ = closeWrite(conn)
	_, _ = io.CopyN(io.Discard, conn, maxQueued)
}
