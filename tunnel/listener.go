package tunnel

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// backlog is how many channels of a listener may wait to be accepted. Others
// are rejected, so that a listener that nobody accepts from blocks nothing else.
const backlog = 16

// A listener is a forward as a [net.Listener]. It ends with the link.
type listener struct {
	link    *link
	forward *forward
	queue   chan incoming

	mu     sync.Mutex
	closed bool
	err    error // what Accept returns after done is closed
	done   chan struct{}
}

// An incoming is a forwarded-tcpip channel that is neither accepted nor
// rejected yet.
type incoming struct {
	ssh.NewChannel
	from net.Addr
}

func newListener(l *link) *listener {
	return &listener{link: l, queue: make(chan incoming, backlog), done: make(chan struct{})}
}

// enqueue queues c for Accept, and reports whether there was room. It does not
// block.
func (l *listener) enqueue(c incoming) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	select {
	case l.queue <- c:
		return true
	default:
		return false
	}
}

// Accept returns the next connection. Its error wraps net.ErrClosed, and also
// ErrLost if the SSH connection was lost.
func (l *listener) Accept() (net.Conn, error) {
	for {
		select {
		case <-l.done:
			return nil, l.err
		case in := <-l.queue:
			channel, requests, err := in.Accept()
			if err != nil {
				// The link has ended, and the listener ends next.
				continue
			}
			c, err := l.link.add(channel, requests, l.Addr(), in.from)
			if err != nil {
				continue
			}
			return c, nil
		}
	}
}

// Close ends the listener and rejects the connections that were not accepted.
// It does not block: it cancels the forward in the background.
func (l *listener) Close() error {
	if l.end(net.ErrClosed) {
		l.link.router.release(l.forward)
	}
	return nil
}

// Settle notes that everybody who knows l's address, and would connect, has done
// so: a server that does not cancel forwards may lend the port to another
// listener soon after Close.
func (l *listener) Settle() {
	l.link.router.mu.Lock()
	defer l.link.router.mu.Unlock()
	l.forward.settled = true
}

// Addr returns the address that was requested, with the port that the server
// chose if port 0 was requested.
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
		case in := <-l.queue:
			l.link.router.reject(in, ssh.Prohibited, "no longer listening")
		default:
			return true
		}
	}
}
