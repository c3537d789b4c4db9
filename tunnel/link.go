package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A link is one SSH connection to the destination through all of its hops, from
// its being established to its death. It is not repaired: the tunnel makes
// another.
type link struct {
	conns      []ssh.Conn   // first hop first; the last is the destination's
	transports []*transport // below each
	router     router
	dead       chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	ended   bool // nothing is spawned any more
	workers sync.WaitGroup
}

func newLink() *link { return &link{dead: make(chan struct{})} }

// spawn runs f in a goroutine that close waits for. After the end f runs at
// once: whatever it does fails then, and does not block.
func (l *link) spawn(f func()) {
	l.mu.Lock()
	ended := l.ended
	if !ended {
		l.workers.Add(1)
	}
	l.mu.Unlock()
	if ended {
		f()
		return
	}
	go func() {
		defer l.workers.Done()
		f()
	}()
}

// add takes over the connection to the next hop, and its channels and requests.
func (l *link) add(t *transport, c ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	l.conns, l.transports = append(l.conns, c), append(l.transports, t)
	l.spawn(func() { ssh.DiscardRequests(requests) })
	l.spawn(func() {
		for c := range channels {
			l.spawn(func() { l.router.route(l, c) })
		}
	})
}

// last returns the connection to the destination.
func (l *link) last() ssh.Conn { return l.conns[len(l.conns)-1] }

// watch notices when any hop's connection ends, and ends the others.
func (l *link) watch() {
	for i, c := range l.conns {
		l.spawn(func() {
			err := c.Wait()
			l.fail(l.transports[i].fail(err))
			if i == len(l.conns)-1 {
				close(l.dead)
			}
		})
	}
}

// fail ends the link because of err: every transport remembers it, and the
// lowest is closed, which takes the others along.
func (l *link) fail(err error) {
	for _, t := range l.transports {
		_ = t.fail(err)
	}
	if len(l.transports) > 0 {
		_ = l.transports[0].Conn.Close()
	}
}

// failure returns why the link failed, or nil while it has not.
func (l *link) failure() error {
	for _, t := range l.transports {
		if err := t.failure(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the link and waits for all its goroutines.
func (l *link) close(err error) {
	l.fail(err)
	l.router.close()
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.workers.Wait()
}

// dial opens a direct-tcpip channel to address (RFC 4254, 7.2). The host goes
// to the server as it stands: it may compare names literally.
func (l *link) dial(ctx context.Context, c ssh.Conn, address string) (*conn, error) {
	host, port, err := splitPort(address)
	if err != nil {
		return nil, err
	}
	payload := ssh.Marshal(struct {
		Host       string
		Port       uint32
		Originator string
		OriginPort uint32
	}{host, uint32(port), "127.0.0.1", 0xffff})
	type opened struct {
		conn *conn
		err  error
	}
	result := make(chan opened)
	l.spawn(func() {
		channel, requests, err := c.OpenChannel("direct-tcpip", payload)
		var o opened
		if err != nil {
			o.err = l.openError(address, err)
		} else {
			o.conn = l.newConn(channel, requests, unspecified, &net.TCPAddr{IP: net.ParseIP(host), Port: int(port)})
		}
		select {
		case result <- o:
		case <-ctx.Done():
			if o.conn != nil {
				_ = o.conn.Close()
			}
		}
	})
	select {
	case o := <-result:
		return o.conn, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("open a connection to %s: %w", address, ctx.Err())
	}
}

// openError says why address could not be connected to.
func (l *link) openError(address string, err error) error {
	if cause := l.failure(); cause != nil {
		return fmt.Errorf("%w: %w", ErrLost, cause)
	}
	var refused *ssh.OpenChannelError
	if !errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	e := &OpenError{Address: address, Prohibited: refused.Reason == ssh.Prohibited}
	if e.Err = errors.New(refused.Message); refused.Message == "" {
		e.Err = errors.New(refused.Reason.String())
	}
	return e
}

// unspecified stands for addresses that SSH does not tell.
var unspecified = &net.TCPAddr{IP: net.IPv4zero}
