package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// gateways are the ways to the FTP servers, in the order of preference. One is
// used at a time: the next when it does not answer or does not reach a server's
// greeting, and a better one again when that is back and nothing is running.
type gateways struct {
	open    func(hops []tunnel.Hop) (*tunnel.Tunnel, error)
	stop    func()   // ends what open does, and run
	servers []string // that clients are to reach
	warn    func(error)
	log     *slog.Logger
	tasks   sync.WaitGroup

	mu      sync.Mutex
	list    []*gateway
	current *gateway      // nil until one has been chosen
	err     error         // why none can be used any more
	ended   chan struct{} // closed when err is set
}

// openGateways resolves the destinations. No connection is made before one is
// chosen.
func (p *program) openGateways(ctx context.Context, log *slog.Logger) (*gateways, error) {
	ctx, cancel := context.WithCancel(ctx)
	g := &gateways{stop: cancel, warn: p.warn, log: log, ended: make(chan struct{})}
	g.open = func(hops []tunnel.Hop) (*tunnel.Tunnel, error) {
		cfg := p.tunnelConfig(ctx, hops)
		cfg.Observe = logTunnel(log, p.stderr)
		return tunnel.Open(ctx, cfg)
	}
	for _, f := range p.forwards {
		if f.server != "" {
			g.servers = append(g.servers, f.server)
		}
	}
	for _, name := range p.destinations {
		hops, err := sshconfig.Resolve(ctx, name, p.ssh)
		if err != nil {
			cancel()
			return nil, err
		}
		g.list = append(g.list, &gateway{name: name, hops: hops})
	}
	if len(g.list) > 1 {
		g.tasks.Go(func() { g.keepReturning(ctx) })
	}
	return g, nil
}

// Done returns a channel that is closed when no gateway can be used any more,
// and only a person can change that; [gateways.Err] says why.
func (g *gateways) Done() <-chan struct{} { return g.ended }

// Err returns why no gateway can be used any more.
func (g *gateways) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Close ends all connections and what was opened through them.
func (g *gateways) Close() {
	g.stop()
	g.mu.Lock()
	g.end(tunnel.ErrClosed)
	for _, gw := range g.list {
		gw.retired, gw.sessions = true, 0
		g.discard(gw)
	}
	g.mu.Unlock()
	g.tasks.Wait()
}

// end notes why no gateway can be used any more. The caller holds mu.
func (g *gateways) end(err error) {
	if g.err == nil {
		g.err = err
		close(g.ended)
	}
}

// up returns gw's tunnel, opening it if there is none. The attempt goes on
// though ctx may be done: a person may have been asked something.
func (g *gateways) up(ctx context.Context, gw *gateway) (*tunnel.Tunnel, error) {
	g.mu.Lock()
	if gw.tunnel == nil && gw.failed == nil && gw.opening == nil && g.err == nil {
		gw.opening = make(chan struct{})
		g.tasks.Go(func() { g.openGateway(gw) })
	}
	opening := gw.opening
	g.mu.Unlock()
	if opening != nil {
		select {
		case <-opening:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case gw.tunnel != nil:
		return gw.tunnel, nil
	case g.err != nil:
		return nil, g.err
	default:
		return nil, gw.trouble
	}
}

// openGateway opens gw, and notes what becomes of it.
func (g *gateways) openGateway(gw *gateway) {
	t, err := g.open(gw.hops)
	g.mu.Lock()
	gw.tunnel, gw.trouble = t, err
	close(gw.opening)
	gw.opening = nil
	g.discard(gw)
	g.mu.Unlock()
	if err == nil {
		<-t.Done()
		err = t.Err()
	}
	if tunnel.Permanent(err) {
		g.fail(gw, err)
	}
}

// fail notes that gw cannot be used, and only a person can change that.
func (g *gateways) fail(gw *gateway, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gw.tunnel, gw.trouble, gw.failed = nil, err, err
	if !slices.Contains(g.list, gw) {
		return // another has taken its place, or was to be
	}
	if len(g.list) > 1 {
		g.warn(err)
		g.log.Error("a gateway is not used any more", "gateway", gw.name, errorAttr(err), hintAttr(err))
	}
	if !slices.ContainsFunc(g.list, func(gw *gateway) bool { return gw.failed == nil }) {
		g.end(err)
	}
}

// count notes that sessions of gw have begun or ended.
func (g *gateways) count(gw *gateway, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gw.sessions += by
	g.discard(gw)
}

// discard closes gw if another has taken its place and nothing is running
// there. The caller holds mu.
func (g *gateways) discard(gw *gateway) {
	if gw.retired && gw.sessions <= 0 {
		g.closeTunnel(gw)
	}
}

// closeTunnel closes gw's tunnel, if it has one. The caller holds mu.
func (g *gateways) closeTunnel(gw *gateway) {
	if t := gw.tunnel; t != nil {
		gw.tunnel, gw.trouble = nil, errors.New("the connection was closed")
		g.tasks.Go(func() { _ = t.Close() })
	}
}
