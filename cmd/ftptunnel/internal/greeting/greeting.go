// Package greeting finds out whether an FTP server answers at an address, by
// waiting for its greeting (220, RFC 959, 5.4).
//
// [Wait] returns a connection whose greeting can be read again, so that it can
// serve a client: a server may have one place only.
package greeting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"time"
)

// Limit bounds the wait for a greeting.
const Limit = 30 * time.Second

// An Error reports that what answers at an address does not greet as an FTP
// server does.
type Error struct {
	Server string // host:port
	Line   string // what it sent first, if it sent something else than a greeting
	Code   int    // of Line, if that is a reply
	Err    error  // why there is no greeting; nil if Line is the reason
}

func (e *Error) Error() string {
	line := e.Line[:min(len(e.Line), maxQuoted)]
	switch {
	case e.Busy():
		return fmt.Sprintf("the FTP server at %s accepts no clients now: %q", e.Server, line)
	case e.Rejects():
		return fmt.Sprintf("the FTP server at %s rejects the gateway: %q", e.Server, line)
	case e.Line == "":
		return fmt.Sprintf("no greeting from an FTP server at %s: %v", e.Server, e.Err)
	case e.Err != nil:
		return fmt.Sprintf("%s does not greet as an FTP server: %q, then %v", e.Server, line, e.Err)
	}
	return fmt.Sprintf("%s does not greet as an FTP server: %q", e.Server, line)
}

// Busy reports whether the server is an FTP server that accepts no clients for
// now (RFC 959, 4.2: a transient negative reply).
func (e *Error) Busy() bool { return e.Code/100 == 4 }

// Rejects reports whether the server does not accept clients from the gateway (a
// permanent negative reply).
func (e *Error) Rejects() bool { return e.Code/100 == 5 }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// newError returns an error for server, which sent line before err or, if ctx is
// done, before that.
func newError(ctx context.Context, server, line string, err error) *Error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded) && line != "":
		err = errors.New("nothing more in time")
	case errors.Is(err, context.DeadlineExceeded):
		err = errors.New("it sent nothing in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it closed the connection")
	}
	return &Error{Server: server, Line: line, Err: err}
}

// A Dialer connects to a server.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Wait connects to server and waits for its greeting until ctx is done, at most
// for [Limit]. The connection that it returns returns the greeting again. If
// something other than an FTP server answers, the error is an [*Error].
func Wait(ctx context.Context, d Dialer, server string) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: conn}
	_, err = Read(ctx, server, textproto.NewConn(c.recorder()))
	var other *Error
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &other) && other.Code != 0:
		c.Quit()
	default:
		_ = c.Close()
	}
	return nil, err
}

// Begin is [Wait], but the first bytes count as a greeting, whatever they are.
func Begin(ctx context.Context, d Dialer, server string) (*Conn, error) {
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: conn}
	first := make([]byte, 4096)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	n, err := conn.Read(first)
	if !stop() || n == 0 {
		_ = conn.Close()
		return nil, newError(ctx, server, "", err)
	}
	c.first.Write(first[:n])
	return c, nil
}

// Join returns the errors of errs that are not nil, on one line.
func Join(errs ...error) (joined error) {
	for _, err := range errs {
		switch {
		case err == nil:
		case joined == nil:
			joined = err
		default:
			joined = fmt.Errorf("%w; %w", joined, err)
		}
	}
	return joined
}
