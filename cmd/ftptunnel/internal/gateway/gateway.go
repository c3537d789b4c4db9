package gateway

import (
	"context"
	"errors"
	"sync"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// A Tunnel is what a gateway needs of its SSH connection, which is made again
// whenever it is lost. A [*tunnel.Tunnel] is one. It must be comparable.
type Tunnel interface {
	ftpfwd.Network

	Ready(ctx context.Context) error // nil once connected, or why the next attempt failed
	Done() <-chan struct{}           // closed when it has ended for good
	Err() error                      // why it has ended
	Close() error
}

// An Opener connects to a gateway. When ctx is done it returns an error.
type Opener func(ctx context.Context, name string, hops []tunnel.Hop) (Tunnel, error)

// A state is what a gateway can be used for.
//
//	idle    -> opening  somebody needs a connection
//	opening -> up       there is one
//	opening -> idle     the attempt failed, or the configuration changed
//	opening -> failed   the attempt failed for a reason that trying again does not change
//	up      -> idle     the connection was closed because nobody uses it
//	up      -> failed   it was lost, and cannot be made again
//	failed  -> idle     the configuration changed
//	any     -> closed   the program ends
type state int

const (
	idle state = iota
	opening
	up // connected, or connecting again
	failed
	closed
)

// A gateway is an SSH server that leads to FTP servers. It has one SSH
// connection, which is opened when it is first needed and is used by all. Its
// methods may be called from several goroutines.
type gateway struct {
	name  string // as the user named it
	open  Opener
	tasks sync.WaitGroup // attempts, and the watching and closing of connections

	mu       sync.Mutex
	state    state
	hops     []tunnel.Hop
	attempt  *attempt             // in state opening
	conn     *connection          // in state up
	draining map[*connection]bool // replaced connections; each closes with its last user
	err      error                // in states failed and closed: why
	holds    int                  // groups whose current gateway this is
	opened   int                  // connections so far
	onFail   []func(error)        // called when the state has become failed
}

// An attempt to connect.
type attempt struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed at the end of the attempt; err is then set
	err    error         // why it failed; nil if it did not, or does not count any more
}

// A connection is one SSH connection of a gateway.
type connection struct {
	Tunnel
	number int // counts the gateway's connections
	users  int // sessions and probes; guarded by the gateway's lock
}

var errClosed = errors.New("the gateway is closed")

func newGateway(name string, hops []tunnel.Hop, open Opener) *gateway {
	return &gateway{name: name, hops: hops, open: open, draining: make(map[*connection]bool)}
}

// use returns the gateway's connection, which the caller uses until release. If
// there is none it opens one, and waits for it until ctx is done. An attempt
// that has begun continues: it may be waiting for the user's answer.
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

// conclude notes the result of an attempt.
func (g *gateway) conclude(a *attempt, t Tunnel, err error) {
	g.mu.Lock()
	counts := g.attempt == a // otherwise another configuration replaced it, or the gateway is closed
	switch {
	case !counts && err == nil:
		g.end(&connection{Tunnel: t})
	case !counts:
	case err == nil:
		g.adopt(t)
	case tunnel.Permanent(err):
		g.state, g.err = failed, err
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

// watch waits for the end of conn. If nobody closed it, it ended by itself, and
// cannot be made again.
func (g *gateway) watch(conn *connection) {
	<-conn.Done()
	err := conn.Err()
	g.mu.Lock()
	hasFailed := g.conn == conn
	if hasFailed {
		g.state, g.conn, g.err = failed, nil, err
	}
	g.mu.Unlock()
	if hasFailed {
		g.report(err)
	}
}

// report calls those who want to know that the gateway has failed.
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

// drain closes conn as soon as nobody uses it. The caller holds mu.
func (g *gateway) drain(conn *connection) {
	if conn.users > 0 {
		g.draining[conn] = true
		return
	}
	g.end(conn)
}

// hold notes that the gateway is, or is no longer, the current one of a group.
func (g *gateway) hold(by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds += by
}

// rest closes the connection if nobody uses the gateway. The next user opens
// another.
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

// whenFailed has f called each time the gateway fails.
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
