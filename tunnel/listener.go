package tunnel

import (
	"fmt"
	"net"
	"sync"
)

// A listener is a remote forward. Connections that nobody accepts wait in a
// backlog, and are turned away beyond it; they hold up nothing else.
type listener struct {
	link  *link
	key   forwardKey
	addr  *net.TCPAddr
	slots chan struct{} // a slot for each connection that is on its way to Accept
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// Accept returns the next connection. After Close, or the end of the SSH
// connection, it returns an error that wraps net.ErrClosed.
func (n *listener) Accept() (net.Conn, error) {
	select {
	case <-n.done:
	default:
		select {
		case c := <-n.conns:
			<-n.slots
			return c, nil
		case <-n.done:
		}
	}
	if cause := n.link.failure(); cause != nil {
		return nil, fmt.Errorf("%w: %w: %w", net.ErrClosed, ErrLost, cause)
	}
	return nil, net.ErrClosed
}

// Addr returns the address that was asked for, with the port that was granted.
func (n *listener) Addr() net.Addr { return n.addr }

// Close stops listening and closes the connections not accepted. It does not
// wait for the server.
func (n *listener) Close() error {
	n.end()
	n.link.router.forget(n)
	return nil
}

// reserve takes a place in the backlog, if there is one.
func (n *listener) reserve() bool {
	select {
	case <-n.done:
		return false
	default:
	}
	select {
	case n.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// deliver fills the place that was reserved, or gives it back.
func (n *listener) deliver(c *conn) {
	if c == nil {
		<-n.slots
		return
	}
	select {
	case <-n.done:
		_ = c.Close()
		return
	default:
	}
	n.conns <- c
	select {
	case <-n.done:
		n.drain()
	default:
	}
}

// end closes n, once, and has the server stop listening.
func (n *listener) end() {
	n.once.Do(func() {
		close(n.done)
		n.drain()
		n.link.cancel(n.key)
	})
}

func (n *listener) drain() {
	for {
		select {
		case c := <-n.conns:
			_ = c.Close()
		default:
			return
		}
	}
}
