package gateway

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// A Tunnel is what a gateway needs of its SSH connection. A [*tunnel.Tunnel] is
// one. It reconnects by itself, and must be comparable.
type Tunnel interface {
	ftpfwd.Network

	Ready(ctx context.Context) error // nil once connected, or why the next attempt failed
	Done() <-chan struct{}           // closed when it has ended and does not reconnect
	Err() error                      // why it has ended
	RemoteAddr() net.Addr            // of the gateway; nil if it is not known
	Close() error
}

// An Opener connects to a gateway. When ctx is done it returns an error.
type Opener func(ctx context.Context, name string, hops []tunnel.Hop) (Tunnel, error)

// A state of a gateway. The transitions are
//
//	idle    -> opening   a user needs a connection
//	opening -> up        connected
//	opening -> idle      the attempt failed
//	opening -> failed    the attempt failed with a permanent error
//	up      -> idle      the connection was closed because nothing used it
//	up      -> failed    the connection was lost, with a permanent error
//	failed  -> idle      a lasting group tries again
//	any     -> idle, up  the configuration changed
//	any     -> closed    the program ends
type state int

const (
	idle    state = iota // there is no connection; the next user opens one
	opening              // an attempt to connect is running
	up                   // connected, or reconnecting
	failed               // cannot be used until the configuration changes
	closed
)

// A gateway is an SSH server through which FTP servers are reached. It has one
// SSH connection, which is opened for the first user and shared by all. Its
// methods may be called from several goroutines.
type gateway struct {
	name        string // as the user named it, and unique
	destination Destination
	open        Opener
	tasks       sync.WaitGroup // attempts, and the watching and closing of connections

	mu       sync.Mutex
	state    state
	hops     []tunnel.Hop
	attempt  *attempt             // in state opening
	conn     *connection          // in state up
	draining map[*connection]bool // replaced connections; each closes with its last user
	err      error                // in states failed and closed: why
	failedAt time.Time            // in state failed: since when
	holds    int                  // groups whose current gateway this is
	opened   int                  // connections so far
	onFail   []func(error)        // called when the state has become failed
}

// An attempt is one attempt to connect.
type attempt struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed at the end of the attempt; err is then set
	err    error         // why it failed; nil if it succeeded or was abandoned
}

// A connection is one SSH connection of a gateway.
type connection struct {
	Tunnel
	number int // counts the gateway's connections
	users  int // sessions and probes; guarded by the gateway's lock
}

var errClosed = errors.New("the gateway is closed")

func newGateway(name string, d Destination, hops []tunnel.Hop, open Opener) *gateway {
	return &gateway{name: name, destination: d, hops: hops, open: open, draining: make(map[*connection]bool)}
}

// use returns the gateway's connection. The caller must release it. If there is
// none, use opens one and waits for it until ctx is done. The attempt continues
// after that: it may be waiting for the user's answer to a question.
func (g *gateway) use(ctx context.Context) (*connection, error) {
	for {
		conn, a, err := g.useNow()
		if a == nil {
			return conn, err
		}
		select {
		case <-a.ended:
			if a.err != nil {
				return nil, a.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// useNow returns the connection, or the attempt to wait for.
func (g *gateway) useNow() (*connection, *attempt, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.state {
	case idle:
		g.connect()
	case up:
		g.conn.users++
		return g.conn, nil, nil
	case failed, closed:
		return nil, nil, g.err
	}
	return nil, g.attempt, nil
}

// share adds a use of conn, which the caller uses.
func (g *gateway) share(conn *connection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	conn.users++
}

// release ends a use of conn.
func (g *gateway) release(conn *connection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	conn.users--
	if conn.users == 0 && g.draining[conn] {
		g.end(conn)
	}
}

// connect begins an attempt. The caller holds mu.
func (g *gateway) connect() {
	ctx, cancel := context.WithCancel(context.Background())
	a := &attempt{cancel: cancel, ended: make(chan struct{})}
	g.state, g.attempt = opening, a
	hops := g.hops
	g.tasks.Go(func() {
		defer cancel()
		t, err := g.open(ctx, g.name, hops)
		g.conclude(a, t, err)
	})
}

// conclude sets the state after an attempt.
func (g *gateway) conclude(a *attempt, t Tunnel, err error) {
	g.mu.Lock()
	counts := g.attempt == a // false if it was abandoned for a new configuration, or the gateway is closed
	switch {
	case !counts && err == nil:
		g.end(&connection{Tunnel: t})
	case !counts:
	case err == nil:
		g.adopt(t)
	case tunnel.Permanent(err):
		g.fail(err)
	default:
		g.state = idle
	}
	if counts {
		g.attempt, a.err = nil, err
	}
	close(a.ended)
	hasFailed := counts && g.state == failed
	g.mu.Unlock()
	if hasFailed {
		g.report(err)
	}
}

// adopt makes t the gateway's connection and watches it. The caller holds mu.
func (g *gateway) adopt(t Tunnel) {
	g.opened++
	conn := &connection{Tunnel: t, number: g.opened}
	g.state, g.conn = up, conn
	g.tasks.Go(func() { g.watch(conn) })
}

// watch waits for the end of conn. A connection that was not closed ended with a
// permanent error.
func (g *gateway) watch(conn *connection) {
	<-conn.Done()
	err := conn.Err()
	g.mu.Lock()
	hasFailed := g.conn == conn
	if hasFailed {
		g.conn = nil
		g.fail(err)
	}
	g.mu.Unlock()
	if hasFailed {
		g.report(err)
	}
}

// fail sets the state failed. The caller holds mu.
func (g *gateway) fail(err error) { g.state, g.err, g.failedAt = failed, err, time.Now() }

// tryAgain lets the next user of a gateway connect that failed at least [mostTry]
// ago: a server may reject a key because it cannot look up users just now, and
// locks out those who try too often.
func (g *gateway) tryAgain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == failed && time.Since(g.failedAt) >= mostTry {
		g.state = idle
	}
}

// report calls the functions that were passed to whenFailed.
func (g *gateway) report(err error) {
	g.mu.Lock()
	onFail := g.onFail
	g.mu.Unlock()
	for _, f := range onFail {
		f(err)
	}
}

// end closes conn. The caller holds mu.
func (g *gateway) end(conn *connection) {
	delete(g.draining, conn)
	g.tasks.Go(func() { _ = conn.Close() })
}

// drain closes conn when its last user releases it. The caller holds mu.
func (g *gateway) drain(conn *connection) {
	if conn.users > 0 {
		g.draining[conn] = true
		return
	}
	g.end(conn)
}

// hold adds to the number of groups whose current gateway this is.
func (g *gateway) hold(by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds += by
}

// rest closes the connection if nothing uses the gateway. The next user opens
// another one.
func (g *gateway) rest() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == up && g.holds == 0 && g.conn.users == 0 {
		g.end(g.conn)
		g.state, g.conn = idle, nil
	}
}

// failure returns why the gateway has failed, or nil if it has not.
func (g *gateway) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != failed {
		return nil
	}
	return g.err
}

// whenFailed calls f each time the gateway fails.
func (g *gateway) whenFailed(f func(error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.onFail = append(g.onFail, f)
}

// close ends the gateway's connections, and waits until they have ended.
func (g *gateway) close() {
	g.mu.Lock()
	if g.attempt != nil {
		g.attempt.cancel()
		g.attempt = nil
	}
	if g.conn != nil {
		g.end(g.conn)
		g.conn = nil
	}
	for conn := range g.draining {
		g.end(conn)
	}
	g.state, g.err = closed, errClosed
	g.mu.Unlock()
	g.tasks.Wait()
}
