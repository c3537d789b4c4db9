package gateway

import (
	"context"
	"reflect"
	"slices"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/tunnel"
)

// Reload reads the ssh configuration again. New sessions of a gateway whose
// configuration has changed use a new SSH connection; the sessions of the old
// one keep it until they end. A configuration that cannot be used changes
// nothing. The results are published.
func (p *Pool) Reload(ctx context.Context) {
	p.mu.Lock()
	gateways, groups := slices.Clone(p.gateways), slices.Clone(p.groups)
	p.mu.Unlock()
	for _, gw := range gateways {
		kind := events.ConfigRejected
		hops, err := p.resolve(ctx, gw.destination)
		if err == nil {
			kind, err = gw.reload(ctx, hops)
		}
		if ctx.Err() != nil {
			return // the program is stopping
		}
		p.publish(events.Event{Kind: kind, Gateway: gw.name, Err: err})
	}
	for _, g := range groups {
		g.tryAgain()
	}
}

// reload makes hops the gateway's configuration. If the gateway is a group's
// current one, reload connects first: a configuration that does not work must not
// replace one that does.
func (g *gateway) reload(ctx context.Context, hops []tunnel.Hop) (events.Kind, error) {
	g.mu.Lock()
	same := g.state != failed && reflect.DeepEqual(hops, g.hops)
	held := g.holds > 0
	g.mu.Unlock()
	if same {
		return events.ConfigUnchanged, nil
	}
	var t Tunnel
	if held {
		var err error
		if t, err = g.open(ctx, g.name, hops); err != nil {
			return events.ConfigUnworkable, err
		}
	}
	if g.replace(hops, t) {
		return events.ConfigChanged, nil
	}
	if t != nil {
		_ = t.Close()
	}
	return events.ConfigUnworkable, errClosed
}

// replace replaces the configuration and the connection. The new connection is t
// or, if that is nil, one that the next user opens. The old one closes when its
// last user releases it. replace returns false if the gateway is closed.
func (g *gateway) replace(hops []tunnel.Hop, t Tunnel) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == closed {
		return false
	}
	if g.attempt != nil {
		g.attempt.cancel()
		g.attempt = nil // its users begin another
	}
	old := g.conn
	g.hops, g.state, g.conn, g.err = hops, idle, nil, nil
	if t != nil {
		g.adopt(t)
	}
	if old != nil {
		g.drain(old)
	}
	return true
}
