package gateway

import (
	"context"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
)

// Keep tries to open a gateway of a lasting group firstKeep after an attempt that
// failed. Each further failure doubles that time, up to mostKeep.
const (
	firstKeep = time.Second
	mostKeep  = time.Minute
)

// Keep opens a gateway of a lasting group, as [Group.Open] does, and tries again for
// as long as that fails, also after all have failed later. It publishes each
// failure and returns when ctx is done.
func (g *Group) Keep(ctx context.Context) {
	for wait := firstKeep; ; {
		var failed []failure
		err := g.openOr(ctx, func(m *member, err error) { failed = append(failed, failure{m, err}) })
		if ctx.Err() != nil {
			return
		}
		pause := wait
		switch {
		case err == nil:
			for _, f := range failed {
				g.publishSkipped(f.member, f.err)
			}
			wait = firstKeep
			select {
			case <-g.hopeless: // a while ago, perhaps
			case <-ctx.Done():
				return
			}
			continue
		case g.allFailed():
			pause = mostTry // what has failed has been published
		default:
			wait = min(2*wait, mostKeep)
			for _, f := range failed {
				if f.failure() == nil { // otherwise it has been published
					g.publish(events.Event{Kind: events.ConnectFailed, Gateway: f.name, Err: f.err, Wait: pause})
				}
			}
		}
		retry := time.NewTimer(pause)
		select {
		case <-retry.C:
			for _, m := range g.members {
				m.gateway.tryAgain()
			}
		case <-g.again:
		case <-ctx.Done():
		}
		retry.Stop()
	}
}

// A failure is why a gateway was not chosen.
type failure struct {
	*member
	err error
}

// allFailed reports whether no gateway can be used.
func (g *Group) allFailed() bool {
	for _, m := range g.members {
		if m.gateway.failure() == nil {
			return false
		}
	}
	return true
}

// tryAgain ends a pause of Keep.
func (g *Group) tryAgain() { signal(g.again) }
