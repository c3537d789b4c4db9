// Package greeting finds out whether an FTP server answers at an address, by
// waiting for its greeting (220, RFC 959, 5.4).
package greeting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// Limit bounds the wait for a greeting.
const Limit = 30 * time.Second

const (
	maxReceived = 64 << 10 // bytes of a greeting
	maxQuoted   = 200      // bytes of one that an error quotes
)

var errTooLong = fmt.Errorf("it sent %d kB without a greeting", maxReceived>>10)

// A bounded reader returns errTooLong instead of what is beyond its limit.
type bounded struct {
	from io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// An Error reports that what answers at an address does not greet as an FTP
// server does.
type Error struct {
	Server string // host:port
	Line   string // what it sent first, if it sent something else than a greeting
	Err    error  // otherwise, why there is no greeting
}

func (e *Error) Error() string {
	if e.Line != "" {
		return fmt.Sprintf("%s does not greet as an FTP server: %q", e.Server, e.Line[:min(len(e.Line), maxQuoted)])
	}
	return fmt.Sprintf("no greeting from an FTP server at %s: %v", e.Server, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// NewError returns an error for server, from which no greeting could be read
// because of err or, if ctx is done, because of that.
func NewError(ctx context.Context, server string, err error) *Error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = errors.New("it sent nothing in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it closed the connection")
	}
	return &Error{Server: server, Err: err}
}

// A Dialer connects to a server.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Check connects to server, waits for its greeting until ctx is done, at most
// for [Limit], and closes the connection with QUIT. If something other than an
// FTP server answers, the error is an [*Error].
func Check(ctx context.Context, d Dialer, server string) error {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c := textproto.NewConn(struct {
		io.Reader
		io.WriteCloser
	}{&bounded{conn, maxReceived}, conn})
	defer c.Close()
	instead, err := Read(c)
	switch {
	case err != nil:
		return NewError(ctx, server, err)
	case instead != "":
		return &Error{Server: server, Line: instead}
	}
	return c.PrintfLine("QUIT")
}

// CheckAll is [Check] for several servers at the same time. Its error joins
// those of all servers.
func CheckAll(ctx context.Context, d Dialer, servers []string) error {
	errs := make([]error, len(servers))
	var checks sync.WaitGroup
	for i, server := range servers {
		checks.Go(func() { errs[i] = Check(ctx, d, server) })
	}
	checks.Wait()
	return Join(errs...)
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

// Read reads a greeting. If the server sent something else, it returns the
// first line of that.
func Read(c *textproto.Conn) (instead string, err error) {
	code, text := 120, "" // a 120 announces a further reply: "ready in nnn minutes"
	for code == 120 {
		start, err := c.R.Peek(3)
		if err != nil {
			return "", err
		}
		if strings.Trim(string(start), "0123456789") != "" {
			return c.ReadLine()
		}
		if code, text, err = c.ReadResponse(0); err != nil {
			return "", err
		}
	}
	if code != 220 {
		return fmt.Sprintf("%d %s", code, text), nil
	}
	return "", nil
}
