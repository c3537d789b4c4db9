package tunnel

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A link is one SSH connection to one hop. It is up until done is closed, and
// everything opened through it ends with it.
type link struct {
	hop       Hop
	peer      *peer
	via       *link // the link to the jump host that carries this one; nil for the first
	conn      ssh.Conn
	transport *transport
	router    *router
	sender    *sender
	opening   unanswered // requests to open a channel

	credential string // see [Negotiation]

	done chan struct{} // closed when the link has ended
	err  error         // why, wrapping ErrLost; set before done is closed

	awaited [notAsked]atomic.Int32 // answers to what was asked so
	lesson  error                  // what the end has shown about the server, or nil; set before done is closed

	mu    sync.Mutex
	ended bool // start starts nothing any more
	conns map[*conn]bool
	tasks sync.WaitGroup // all goroutines but those in opens
	opens sync.WaitGroup // goroutines that may open a channel
}

func newLink(h Hop, p *peer, via *link, t *transport, sshConn ssh.Conn, chans <-chan ssh.NewChannel, requests <-chan *ssh.Request) *link {
	l := &link{
		hop: h, peer: p, via: via, conn: sshConn, transport: t, sender: newSender(),
		done:  make(chan struct{}),
		conns: make(map[*conn]bool),
	}
	l.router = &router{link: l}
	l.start(func() { l.sender.run(l.done) })
	l.start(func() { l.router.run(chans) })
	l.start(func() { ssh.DiscardRequests(requests) })
	l.start(l.waitForEnd)
	return l
}

// waitForEnd waits until the SSH connection has ended, and ends everything that
// was opened through it.
func (l *link) waitForEnd() {
	end := l.conn.Wait()
	cause := l.transport.failure(end)
	l.transport.fail(cause)
	l.lesson = l.learn(end)

	l.mu.Lock()
	l.ended = true
	l.err = cause
	if !errors.Is(cause, ErrLost) { // the error of the link via wraps it
		l.err = fmt.Errorf("%w: %w", ErrLost, cause)
	}
	close(l.done)
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()

	for c := range conns {
		c.received.CloseWithError(l.err)
	}
	l.router.end(l.err)
}

// start runs f in a goroutine for which close waits, and reports whether it
// did. It does nothing if the link has ended.
func (l *link) start(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.tasks.Go(f)
	}
	return !l.ended
}

// startOpen is start for an f that may open a channel. Package ssh may leave f
// blocked: see waitForOpens.
func (l *link) startOpen(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.opens.Go(f)
	}
	return !l.ended
}

// fail ends the link and those that carry it with the given cause. It does not
// block.
func (l *link) fail(cause error) {
	for ; l != nil; l = l.via {
		l.transport.fail(cause)
	}
}

// close ends the link and those that carry it, and waits for their goroutines.
func (l *link) close(cause error) {
	l.fail(cause)
	for ; l != nil; l = l.via {
		<-l.done
		l.tasks.Wait()
		l.waitForOpens()
		l.transport.wait()
	}
}

// waitForOpens waits for the goroutines that open a channel, but not for ever:
// package ssh may leave one blocked if it sends its request while the
// connection ends.
func (l *link) waitForOpens() {
	opened := make(chan struct{})
	go func() {
		l.opens.Wait()
		close(opened)
	}()
	select {
	case <-opened:
	case <-time.After(time.Second):
	}
}

// lost returns why the link has ended, or nil if it is up. Call it at the end
// of a channel, to find out whether the whole link has ended: see
// [transport.alive].
func (l *link) lost() error {
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

// add makes a connection of a channel and starts its goroutines.
func (l *link) add(channel ssh.Channel, requests <-chan *ssh.Request, local, remote net.Addr) (*conn, error) {
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

func (l *link) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// String returns what was negotiated, as the text of [Up].
func (l *link) String() string {
	parts := []string{string(l.conn.ServerVersion())}
	if c, ok := l.conn.(ssh.AlgorithmsConnMetadata); ok {
		a := c.Algorithms()
		parts = append(parts, a.KeyExchange, a.HostKey, a.Write.Cipher)
	}
	return strings.Join(parts, ", ")
}
