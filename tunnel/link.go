package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A link is one SSH connection to one hop, up until done. When it ends, so
// does all that was opened through it.
type link struct {
	hop       Hop
	below     *link // the link to the jump host that carries this one; nil for the first
	conn      ssh.Conn
	transport *transport
	router    *router

	credential string // what let the user in; see [Negotiation]

	done chan struct{} // closed when the link has ended
	err  error         // why, wrapping ErrLost; set before done is closed

	mu    sync.Mutex
	ended bool // nothing is started any more
	conns map[*conn]bool
	tasks sync.WaitGroup // all goroutines but those in opens
	opens sync.WaitGroup // goroutines that wait for the answer to an open
}

func newLink(h Hop, below *link, t *transport, sshConn ssh.Conn, chans <-chan ssh.NewChannel, requests <-chan *ssh.Request) *link {
	l := &link{
		hop: h, below: below, conn: sshConn, transport: t,
		done:  make(chan struct{}),
		conns: make(map[*conn]bool),
	}
	l.router = &router{link: l}
	l.start(func() { l.router.run(chans) })
	l.start(func() { ssh.DiscardRequests(requests) })
	l.start(l.serve)
	return l
}

// serve waits for the end of the connection and makes it known.
func (l *link) serve() {
	cause := l.transport.failure(l.conn.Wait())
	l.transport.fail(cause)

	l.mu.Lock()
	l.ended = true
	l.err = cause
	if !errors.Is(cause, ErrLost) { // or the link below has said so
		l.err = fmt.Errorf("%w: %w", ErrLost, cause)
	}
	close(l.done)
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()

	for c := range conns {
		c.put.CloseWithError(l.err)
	}
	l.router.end(l.err)
}

// start runs f in a goroutine that close waits for, unless the link has ended.
func (l *link) start(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.tasks.Go(f)
	}
	return !l.ended
}

// fail ends the link, and those below it, for the given cause. It does not
// block.
func (l *link) fail(cause error) {
	for ; l != nil; l = l.below {
		l.transport.fail(cause)
	}
}

// close ends the link and those below it and waits for their goroutines.
func (l *link) close(cause error) {
	l.fail(cause)
	for ; l != nil; l = l.below {
		<-l.done
		l.tasks.Wait()
		l.settle()
		l.transport.await()
	}
}

// settle waits for the goroutines that open channels. The ssh package may
// strand one for good: an open that is sent while the connection is being
// taken apart is neither refused nor answered. So the wait has an end.
func (l *link) settle() {
	settled := make(chan struct{})
	go func() {
		l.opens.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case <-time.After(time.Second):
	}
}

// verdict returns why the link ended if it did, for somebody who met the end
// of a channel.
func (l *link) verdict() error {
	if !l.transport.alive() {
		<-l.done
	}
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// adopt makes a connection of a channel.
func (l *link) adopt(channel ssh.Channel, requests <-chan *ssh.Request, local, remote net.Addr) (*conn, error) {
	c := newConn(l, channel, local, remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, l.err
	}
	l.conns[c] = true
	l.tasks.Go(c.receive)
	l.tasks.Go(c.send)
	l.tasks.Go(func() { ssh.DiscardRequests(requests) })
	return c, nil
}

func (l *link) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// dial opens a channel to address (RFC 4254, 7.2), whose host goes to the
// server as it is: sshd's PermitOpen compares strings.
func (l *link) dial(ctx context.Context, address string) (*conn, error) {
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, err
	}
	payload := ssh.Marshal(struct {
		Host           string
		Port           uint32
		Originator     string
		OriginatorPort uint32
	}{host, port, "127.0.0.1", 65535})

	type result struct {
		conn *conn
		err  error
	}
	opened := make(chan result)
	open := func() {
		channel, requests, err := l.conn.OpenChannel("direct-tcpip", payload)
		var c *conn
		if err == nil {
			c, err = l.adopt(channel, requests, addrOf("0.0.0.0", 0), addrOf(host, port))
		}
		select {
		case opened <- result{c, err}:
			return
		case <-ctx.Done():
		case <-l.done:
		}
		if c != nil {
			c.Close()
		}
	}
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return nil, l.err
	}
	l.opens.Go(open)
	l.mu.Unlock()

	select {
	case r := <-opened:
		if r.err != nil {
			return nil, l.refusal(ctx, r.err, address)
		}
		return r.conn, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer to the request to connect to %s: %w", address, context.Cause(ctx))
	case <-l.done:
		return nil, l.err
	}
}

// refusal explains err, with which an open failed. An open that failed without
// having been refused failed with the connection.
func (l *link) refusal(ctx context.Context, err error, address string) error {
	refused, ok := errors.AsType[*ssh.OpenChannelError](err)
	if !ok {
		select {
		case <-l.done:
			return l.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	reason := refused.Message
	if reason == "" {
		reason = refused.Reason.String()
	}
	return &OpenError{Address: address, Prohibited: refused.Reason == ssh.Prohibited, Err: errors.New(reason)}
}

// String says what was negotiated.
func (l *link) String() string {
	parts := []string{string(l.conn.ServerVersion())}
	if c, ok := l.conn.(ssh.AlgorithmsConnMetadata); ok {
		a := c.Algorithms()
		parts = append(parts, a.KeyExchange, a.HostKey, a.Write.Cipher)
	}
	return strings.Join(parts, ", ")
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
