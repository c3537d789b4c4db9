package gateway

import (
	"context"
	"errors"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
)

// A gateway that is preferred to the current one is tried after firstTry. Each
// failure doubles the time to the next try, up to mostTry: a try may connect to the
// FTP servers.
const (
	firstTry = 10 * time.Second
	mostTry  = 5 * time.Minute
)

// keepReturning switches to better gateways than the current one until ctx is
// done.
func (g *Group) keepReturning(ctx context.Context) {
	wait := firstTry
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			if next := min(2*wait, mostTry); g.tryBetter(ctx, next) {
				wait = next
			}
		case <-g.switched:
			wait = firstTry
		case <-ctx.Done():
			return
		}
		timer.Reset(wait)
	}
}

// A probe is an attempt to use a better gateway. A client that connects ends it.
type probe struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// beginProbe returns a context for a probe, unless the current gateway is in use.
// Call end after the probe.
func (g *Group) beginProbe(ctx context.Context) (_ context.Context, end func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current == nil || g.busy() {
		return nil, nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, nextAfter)
	p := &probe{cancel: cancel, ended: make(chan struct{})}
	g.probing = p
	return ctx, func() {
		cancel()
		g.mu.Lock()
		g.probing = nil
		g.mu.Unlock()
		close(p.ended)
	}, true
}

// tryBetter makes a better gateway the current one if all servers greet through
// it and no session uses the current one. It reports whether it tried and failed;
// the next try is then after next.
func (g *Group) tryBetter(ctx context.Context, next time.Duration) (failed bool) {
	for _, m := range g.better() {
		err := g.returnTo(ctx, m)
		if err == nil {
			return false
		}
		failed = true
		g.publish(events.Event{Kind: events.GatewayNotBack, Gateway: m.name, Err: err, Wait: next})
	}
	return failed
}

// better returns the gateways before the current one that may work again. It
// returns none if the current one is in use.
func (g *Group) better() (better []*member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current == nil || g.busy() {
		return nil
	}
	for _, m := range g.members {
		if m == g.current {
			break
		}
		if g.lasting {
			m.tryAgain()
		}
		if m.failure() == nil {
			better = append(better, m)
		}
	}
	return better
}

// busy reports whether a session uses the current gateway, a client is being
// connected, or a connection is kept for one. The caller holds mu.
func (g *Group) busy() bool {
	return g.current.sessions > 0 || g.connecting > 0 || len(g.spares) > 0
}

// returnTo makes m the current gateway if all servers greet through it, and keeps
// the connections for the next clients. It does nothing if a client comes before.
// The previous gateway is closed if no other group uses it.
func (g *Group) returnTo(ctx context.Context, m *member) error {
	ctx, end, ok := g.beginProbe(ctx)
	if !ok {
		return nil
	}
	defer end()
	through, err := m.gateway.use(ctx)
	if err != nil {
		return unlessCancelled(ctx, err)
	}
	defer m.release(through)
	if err := through.Ready(ctx); err != nil {
		return unlessCancelled(ctx, err)
	}
	spares, err := g.greet(ctx, m, through)
	if err != nil {
		return unlessCancelled(ctx, err)
	}
	g.mu.Lock()
	before, busy := g.current, g.busy()
	if !busy {
		g.setCurrent(m, nil)
		g.keep(spares)
	}
	g.mu.Unlock()
	if busy {
		quitAll(spares)
		return nil
	}
	before.rest()
	return nil
}

// unlessCancelled returns err, or nil if ctx was cancelled: the probe did not fail
// then, a client has ended it.
func unlessCancelled(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}
