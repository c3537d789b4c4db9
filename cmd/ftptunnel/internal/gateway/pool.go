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
	"reflect"
	"slices"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/tunnel"
)

// A Resolver returns the hops to a gateway from the ssh configuration.
type Resolver func(ctx context.Context, d Destination) ([]tunnel.Hop, error)

// A Pool has the gateways of the program. Its methods may be called from several
// goroutines.
type Pool struct {
	// Lasting makes the groups last: an error that is permanent for an SSH
	// connection does not end them, but is tried again after a long time. Set it
	// before the first group.
	Lasting bool

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

// Group returns the gateways in order of preference, to reach servers. It opens no
// connection. Gateways that groups name with the same options are the same, and
// their configuration is read once, and by [Pool.Reload].
func (p *Pool) Group(ctx context.Context, destinations []Destination, servers []string) (*Group, error) {
	hops := make([][]tunnel.Hop, len(destinations))
	for {
		g, unknown := p.join(destinations, hops, servers)
		if g != nil {
			return g, nil
		}
		var err error
		if hops[unknown], err = p.resolve(ctx, destinations[unknown]); err != nil {
			return nil, err
		}
	}
}

// join returns a new group, or which of the destinations is neither a gateway of
// the pool nor resolved to hops.
func (p *Pool) join(destinations []Destination, hops [][]tunnel.Hop, servers []string) (g *Group, unknown int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, d := range destinations {
		if hops[i] == nil && p.find(d) == nil {
			return nil, i
		}
	}
	var members []*member
	for i, d := range destinations {
		members = append(members, &member{gateway: p.gateway(d, hops[i])})
	}
	g = newGroup(members, servers, p.publish, p.Lasting)
	p.groups = append(p.groups, g)
	return g, 0
}

// find returns the gateway for d, or nil. The caller holds mu.
func (p *Pool) find(d Destination) *gateway {
	for _, gw := range p.gateways {
		if reflect.DeepEqual(gw.destination, d) {
			return gw
		}
	}
	return nil
}

// gateway returns the gateway for d, which hops lead to. The caller holds mu.
func (p *Pool) gateway(d Destination, hops []tunnel.Hop) *gateway {
	if gw := p.find(d); gw != nil {
		return gw
	}
	name := d.Name
	if slices.ContainsFunc(p.gateways, func(gw *gateway) bool { return gw.name == name }) {
		name = d.label() // events and logs must tell them apart
	}
	gw := newGateway(name, d, hops, p.open)
	p.gateways = append(p.gateways, gw)
	return gw
}

// CommandLine returns the command line on which a gateway of the pool would be
// given, and none for a name that no gateway has.
func (p *Pool) CommandLine(name string) settings.CommandLine {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, gw := range p.gateways {
		if gw.name == name {
			return gw.destination.commandLine()
		}
	}
	return settings.CommandLine{}
}

// Remove ends a group whose sessions have ended, and closes the gateways that no
// other group has. It waits until they have ended.
func (p *Pool) Remove(g *Group) {
	p.mu.Lock()
	p.groups = slices.DeleteFunc(p.groups, func(other *Group) bool { return other == g })
	unused := slices.DeleteFunc(slices.Clone(p.gateways), p.inGroup)
	p.gateways = slices.DeleteFunc(p.gateways, func(gw *gateway) bool { return !p.inGroup(gw) })
	p.mu.Unlock()
	g.close()
	for _, gw := range unused {
		gw.close()
	}
}

// inGroup reports whether a group has gw. The caller holds mu.
func (p *Pool) inGroup(gw *gateway) bool {
	return slices.ContainsFunc(p.groups, func(g *Group) bool {
		return slices.ContainsFunc(g.members, func(m *member) bool { return m.gateway == gw })
	})
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
