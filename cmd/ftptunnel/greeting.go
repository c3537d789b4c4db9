package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"example.org/ftptunnel/tunnel"
)

// greetingAtMost bounds the wait for an FTP server's greeting.
const greetingAtMost = 30 * time.Second

// A greetingError says that what is behind the gateway does not greet as an
// FTP server does.
type greetingError struct {
	server string
	said   string // its first line, if it spoke
	err    error
}

func (e *greetingError) Error() string {
	if e.said != "" {
		return fmt.Sprintf("%s does not greet as an FTP server: %q", e.server, e.said)
	}
	return fmt.Sprintf("no greeting from an FTP server at %s: %v", e.server, e.err)
}

func (e *greetingError) Unwrap() error { return e.err }

// greet connects to server through t, waits for its greeting (220, RFC 959,
// 5.4), and takes its leave.
func greet(ctx context.Context, t *tunnel.Tunnel, server string) error {
	ctx, cancel := context.WithTimeout(ctx, greetingAtMost)
	defer cancel()
	conn, err := t.DialContext(ctx, "tcp", server)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c := textproto.NewConn(conn)
	defer c.Close()
	said, err := readGreeting(c)
	switch {
	case err == nil && said == "":
		return c.PrintfLine("QUIT")
	case err == nil:
		return &greetingError{server: server, said: said}
	}
	return noGreeting(ctx, server, err)
}

// noGreeting says why there was no greeting: an error in reading it, or that ctx
// is done.
func noGreeting(ctx context.Context, server string, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		err = ctx.Err()
	case ctx.Err() != nil:
		err = errors.New("it said nothing in time")
	}
	return &greetingError{server: server, err: hungUp(err)}
}

// hungUp returns err, an end of file as what it means to people.
func hungUp(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it closed the connection")
	}
	return err
}

// readGreeting reads an FTP server's greeting, or returns what was said
// instead.
func readGreeting(c *textproto.Conn) (instead string, err error) {
	code, text := 120, "" // 120 announces another: "ready in nnn minutes"
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

// greetAll is greet for several servers, at the same time.
func greetAll(ctx context.Context, t *tunnel.Tunnel, servers []string) (failed error) {
	errs := make([]error, len(servers))
	var greetings sync.WaitGroup
	for i, server := range servers {
		greetings.Go(func() { errs[i] = greet(ctx, t, server) })
	}
	greetings.Wait()
	for _, err := range errs {
		switch {
		case err == nil:
		case failed == nil:
			failed = err
		default:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return failed
}
