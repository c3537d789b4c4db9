package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// dial opens a direct-tcpip channel to address (RFC 4254, section 7.2). It sends
// the host as it is: sshd's PermitOpen compares strings.
func (l *link) dial(ctx context.Context, address string) (*conn, error) {
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := l.mayAsk(&l.opening); errors.Is(err, ErrLost) {
		return nil, err
	} else if err != nil {
		return nil, &OpenError{Address: address, Err: err}
	}
	opened := make(chan openResult)
	before := l.sender.flushed()
	var q question
	open := func() {
		c, err := l.open(host, port, before)
		l.opening.answer(&q)
		select {
		case opened <- openResult{c, err}:
			return
		case <-ctx.Done():
		case <-l.done:
		}
		if c != nil {
			c.Close()
		}
	}
	if !l.startOpen(open) {
		return nil, l.err
	}

	select {
	case r := <-opened:
		if r.err != nil {
			return nil, l.openError(ctx, r.err, address)
		}
		return r.conn, nil
	case <-ctx.Done():
		l.opening.giveUp(&q)
		return nil, fmt.Errorf("no answer to the request to connect to %s: %w", address, context.Cause(ctx))
	case <-l.done:
		return nil, l.err
	}
}

type openResult struct {
	conn *conn
	err  error
}

// open opens the channel, once before is closed. It returns when the server has
// answered or the link has ended.
func (l *link) open(host string, port uint32, before <-chan struct{}) (*conn, error) {
	select {
	case <-before:
	case <-l.done:
		return nil, l.err
	}
	channel, requests, err := l.conn.OpenChannel("direct-tcpip", ssh.Marshal(struct {
		Host           string
		Port           uint32
		Originator     string
		OriginatorPort uint32
	}{host, port, "127.0.0.1", 65535}))
	if err != nil {
		return nil, err
	}
	return l.add(channel, requests, addrOf("0.0.0.0", 0), addrOf(host, port))
}

// openError returns the error of dial for err, the error of open. If the server
// did not reject the channel, the link has ended or is about to.
func (l *link) openError(ctx context.Context, err error, address string) error {
	rejected, ok := errors.AsType[*ssh.OpenChannelError](err)
	if !ok {
		select {
		case <-l.done:
			return l.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	reason := rejected.Message
	if reason == "" {
		reason = rejected.Reason.String()
	}
	return &OpenError{Address: address, Prohibited: rejected.Reason == ssh.Prohibited, Err: errors.New(reason)}
}

func splitHostPort(address string) (host string, port uint32, err error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return "", 0, &net.AddrError{Err: "invalid port", Addr: address}
	}
	return host, uint32(n), nil
}
