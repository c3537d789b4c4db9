// Package gateway chooses the gateway through which FTP servers are reached.
//
// A [Pool] has one gateway for each name, with one SSH connection that all
// listeners share. A [Group] is a list of gateways in order of preference, of which
// new sessions use the current one. It is given up for the next one if an FTP server
// does not answer through it (failover.go); the group returns to a better one when
// that works again and no session uses the current one (back.go). A session keeps
// the gateway that it began with.
//
// Each gateway has its own lock and its own states (gateway.go).
package gateway

import (
	"context"
	"slices"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/tunnel"
)

// A Resolver returns the hops to a gateway from the ssh configuration.
type Resolver func(ctx context.Context, name string) ([]tunnel.Hop, error)

// A Pool has the gateways of the program. Its methods may be called from several
// goroutines.
type Pool struct {
	resolve Resolver
	open    Opener
	publish func(events.Event)

	mu       sync.Mutex
	gateways []*gateway
	groups   []*Group
}

// NewPool returns a pool without gateways.
func NewPool(resolve Resolver, open Opener, publish func(events.Event)) *Pool {
	return &Pool{resolve: resolve, open: open, publish: publish}
}

// Group returns the named gateways in order of preference, to reach servers. It
// opens no connection.
func (p *Pool) Group(ctx context.Context, names, servers []string) (*Group, error) {
	var members []*member
	for _, name := range names {
		gw, err := p.gateway(ctx, name)
		if err != nil {
			return nil, err
		}
		members = append(members, &member{gateway: gw})
	}
	g := newGroup(members, servers, p.publish)
	p.mu.Lock()
	p.groups = append(p.groups, g)
	p.mu.Unlock()
	return g, nil
}

// gateway returns the gateway with a name.
func (p *Pool) gateway(ctx context.Context, name string) (*gateway, error) {
	hops, err := p.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.gateways, func(gw *gateway) bool { return gw.name == name }); i >= 0 {
		return p.gateways[i], nil
	}
	gw := newGateway(name, hops, p.open)
	p.gateways = append(p.gateways, gw)
	return gw, nil
}

// Close closes all SSH connections and everything opened through them, and waits
// until they have ended. After that, the pool's groups return errors.
func (p *Pool) Close() {
	p.mu.Lock()
	groups, gateways := slices.Clone(p.groups), slices.Clone(p.gateways)
	p.mu.Unlock()
	for _, g := range groups {
		g.close()
	}
	var ends sync.WaitGroup
	for _, gw := range gateways {
		ends.Go(gw.close)
	}
	ends.Wait()
}
