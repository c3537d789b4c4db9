package gateway

import (
	"context"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
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

// tryBetter makes a better gateway the current one if all servers greet through
// it and no session uses the current one. It reports whether it tried and failed;
// the next try is then after next.
func (g *Group) tryBetter(ctx context.Context, next time.Duration) (failed bool) {
	for _, m := range g.better() {
		err := g.probe(ctx, m)
		if err == nil {
			g.returnTo(m)
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
		if m.failure() == nil {
			better = append(better, m)
		}
	}
	return better
}

// busy reports whether a session uses the current gateway, or a client is being
// connected. The caller holds mu.
func (g *Group) busy() bool { return g.current.sessions > 0 || g.connecting > 0 }

// probe connects to m and waits for all servers' greetings.
func (g *Group) probe(ctx context.Context, m *member) error {
	ctx, cancel := context.WithTimeout(ctx, nextAfter)
	defer cancel()
	through, err := m.gateway.use(ctx)
	if err != nil {
		return err
	}
	defer m.release(through)
	if err := through.Ready(ctx); err != nil {
		return err
	}
	return greeting.CheckAll(ctx, through, g.servers)
}

// returnTo makes m the current gateway, unless a client has connected meanwhile.
// The previous one is closed if no other group uses it.
func (g *Group) returnTo(m *member) {
	g.mu.Lock()
	before := g.current
	if g.busy() {
		g.mu.Unlock()
		return
	}
	g.setCurrent(m, nil)
	g.mu.Unlock()
	before.rest()
}
