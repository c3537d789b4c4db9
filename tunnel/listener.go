package tunnel

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// backlog is how many connections may wait to be accepted; others are
// rejected, so that a listener nobody accepts from holds up nothing.
const backlog = 16

// A listener is a forward of the far end as a net.Listener. It ends with the
// link.
type listener struct {
	link    *link
	forward *forward
	queue   chan arrival

	mu     sync.Mutex
	closed bool
	err    error // what Accept returns once closed
	done   chan struct{}
}

// An arrival is a connection that the far end offers.
type arrival struct {
	ssh.NewChannel
	from net.Addr
}

func newListener(l *link) *listener {
	return &listener{link: l, queue: make(chan arrival, backlog), done: make(chan struct{})}
}

// offer queues a, and reports whether it did. It does not block.
func (l *listener) offer(a arrival) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	select {
	case l.queue <- a:
		return true
	default:
		return false
	}
}

// Accept returns the next connection. Its error wraps net.ErrClosed, and
// ErrLost if the SSH connection was lost.
func (l *listener) Accept() (net.Conn, error) {
	for {
		select {
		case <-l.done:
			return nil, l.err
		case a := <-l.queue:
			channel, requests, err := a.Accept()
			if err != nil {
				// It went with the connection, as the listener will.
				continue
			}
			c, err := l.link.adopt(channel, requests, l.Addr(), a.from)
			if err != nil {
				continue
			}
			return c, nil
		}
	}
}

// Close ends the listener and turns away what was not accepted. It does not
// block: the far end is told in the background.
func (l *listener) Close() error {
	if l.end(net.ErrClosed) {
		l.link.router.release(l.forward)
	}
	return nil
}

// Addr returns the address that was asked for, with the port that was given.
func (l *listener) Addr() net.Addr { return addrOf(l.forward.host, l.forward.port) }

// end closes the listener, and reports whether it was open.
func (l *listener) end(cause error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	l.err = fmt.Errorf("accept on %v: %w", l.Addr(), cause)
	if !errors.Is(cause, net.ErrClosed) {
		l.err = fmt.Errorf("%w (%w)", l.err, net.ErrClosed)
	}
	close(l.done)
	for {
		select {
		case a := <-l.queue:
			l.link.router.reject(a, "no longer listening")
		default:
			return true
		}
	}
}
