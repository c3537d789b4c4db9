package lab

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Direction is a direction through a [Relay].
type Direction int

const (
	Up   Direction = iota // from the peer that connected to the relay
	Down                  // to the peer that connected to the relay
)

// A Cut is a way to end connections.
type Cut int

const (
	Close Cut = iota // an end of data in both directions, after what has passed
	Reset            // a TCP reset in both directions
)

// A Relay forwards connections to an address and can cut them at any byte. Its
// methods may be called concurrently.
type Relay struct {
	Address string // where it listens, host:port

	host     *Host
	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	passed [2]int64
	plan   *plan // nil without a CutAfter
	conns  map[*relayed]bool
	closed bool
}

// A plan is to cut when so many more bytes have passed in a direction.
type plan struct {
	direction Direction
	left      int64
	how       Cut
	done      chan struct{} // closed after the cut
}

// A relayed is one connection: for each direction, the end that receives.
type relayed struct {
	ends [2]*net.TCPConn // indexed by Direction
	mute bool            // it was cut: what still arrives is discarded
}

// NewRelay listens on h at an address and forwards connections to another, until
// the test ends. Port 0 picks a free port.
func NewRelay(t testing.TB, h *Host, address, to string) *Relay {
	t.Helper()
	l, err := h.Listen(context.Background(), "tcp", address)
	require.NoError(t, err)
	r := &Relay{Address: l.Addr().String(), host: h, to: to, listener: l, conns: make(map[*relayed]bool)}
	r.running.Go(r.accept)
	t.Cleanup(func() { assert.NoError(t, r.close()) })
	return r
}

// Passed returns how many bytes have passed in a direction, over all connections.
func (r *Relay) Passed(d Direction) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed[d]
}

// CutAfter lets n more bytes pass in a direction, over all connections, and then
// cuts the open connections in both directions. The channel is closed after the
// cut; later connections are not cut. CutAfter replaces a cut that has not
// happened.
func (r *Relay) CutAfter(d Direction, n int64, how Cut) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = &plan{d, n, how, make(chan struct{})}
	done := r.plan.done
	if n <= 0 {
		r.carryOut()
	}
	return done
}

// Spare cancels a CutAfter whose cut has not happened.
func (r *Relay) Spare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = nil
}

// carryOut cuts as planned. The caller holds mu.
func (r *Relay) carryOut() {
	for c := range r.conns {
		c.cut(r.plan.how)
	}
	close(r.plan.done)
	r.plan = nil
}

// close ends all connections and waits for every goroutine.
func (r *Relay) close() error {
	err := r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for c := range r.conns {
		c.cut(Reset)
	}
	r.mu.Unlock()
	r.running.Wait()
	return err
}

// cut ends both directions. Unread data would turn a close into a reset, so after a
// Close the pumps continue to read.
func (c *relayed) cut(how Cut) {
	c.mute = true
	for _, end := range c.ends {
		if how == Reset {
			_ = end.SetLinger(0)
			_ = end.Close()
		} else {
			_ = end.CloseWrite()
		}
	}
}

func (r *Relay) accept() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.relay(from.(*net.TCPConn)) })
	}
}

// relay forwards one connection until both directions have ended.
func (r *Relay) relay(from *net.TCPConn) {
	defer from.Close()
	onward, err := r.host.DialContext(context.Background(), "tcp", r.to)
	if err != nil {
		_ = from.SetLinger(0)
		return
	}
	defer onward.Close()
	c := &relayed{ends: [2]*net.TCPConn{Up: onward.(*net.TCPConn), Down: from}}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.conns[c] = true
	r.mu.Unlock()

	var up sync.WaitGroup
	up.Go(func() { r.pump(c, Up) })
	r.pump(c, Down)
	up.Wait()

	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
}

// pump forwards one direction, and its end.
func (r *Relay) pump(c *relayed, d Direction) {
	to, from := c.ends[d], c.ends[1-d]
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !r.pass(c, d, to, buf[:n]) {
			return
		}
		if err != nil {
			r.end(c, to)
			return
		}
	}
}

// end forwards an end of data, unless a cut has caused it.
func (r *Relay) end(c *relayed, to *net.TCPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !c.mute {
		_ = to.CloseWrite()
	}
}

// pass writes b up to a planned cut, and reports whether to continue reading. It
// holds the lock while it reaches the cut, so that all bytes that count as passed
// are written before.
func (r *Relay) pass(c *relayed, d Direction, to *net.TCPConn, b []byte) bool {
	r.mu.Lock()
	if c.mute {
		r.mu.Unlock()
		return true
	}
	p := r.plan
	if p == nil || p.direction != d || int64(len(b)) < p.left {
		if p != nil && p.direction == d {
			p.left -= int64(len(b))
		}
		r.passed[d] += int64(len(b))
		r.mu.Unlock()
		_, err := to.Write(b)
		return err == nil
	}
	defer r.mu.Unlock()
	_, _ = to.Write(b[:p.left])
	r.passed[d] += p.left
	r.carryOut()
	return true
}
