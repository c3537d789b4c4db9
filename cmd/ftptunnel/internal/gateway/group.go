package gateway

import (
	"context"
	"slices"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/tunnel"
)

// A Group is a list of gateways to the same FTP servers, in order of preference.
// New sessions use the current one. Its methods may be called from several
// goroutines.
type Group struct {
	members  []*member
	servers  []string // that must be reached
	publish  func(events.Event)
	stop     context.CancelFunc // ends keepReturning
	tasks    sync.WaitGroup
	switched chan struct{} // has a value if the current gateway has changed
	again    chan struct{} // has a value if Keep shall try again at once
	hopeless chan struct{} // has a value if all gateways have failed
	lasting  bool          // see Pool

	mu         sync.Mutex
	current    *member           // nil until one has been chosen
	connecting int               // calls of Connect that are running
	spares     map[string]*spare // by server
	probing    *probe            // of a better gateway; nil if there is none
	err        error             // why no gateway can be used any more
	ended      chan struct{}     // closed when err is set
}

// A member is a gateway in a group.
type member struct {
	*gateway
	sessions int // of this group; guarded by its lock
}

func newGroup(members []*member, servers []string, publish func(events.Event), lasting bool) *Group {
	ctx, cancel := context.WithCancel(context.Background())
	g := &Group{
		members: members, servers: servers, publish: publish, stop: cancel, lasting: lasting,
		switched: make(chan struct{}, 1), again: make(chan struct{}, 1), hopeless: make(chan struct{}, 1),
		ended: make(chan struct{}), spares: make(map[string]*spare),
	}
	for _, m := range members {
		m.whenFailed(func(err error) { g.failed(m, err) })
	}
	if len(members) > 1 {
		g.tasks.Go(func() { g.keepReturning(ctx) })
	}
	return g
}

// Done returns a channel that is closed when no gateway can be used any more, which
// does not happen to a lasting group; [Group.Err] then returns why.
func (g *Group) Done() <-chan struct{} { return g.ended }

// Err returns why no gateway can be used any more, or nil.
func (g *Group) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// failed handles the permanent failure of m.
func (g *Group) failed(m *member, err error) {
	switch {
	case g.lasting:
		g.publish(events.Event{Kind: events.GatewayFailed, Gateway: m.name, Err: err, Wait: mostTry})
	case len(g.members) > 1:
		g.publish(events.Event{Kind: events.GatewayGivenUp, Gateway: m.name, Err: err})
	}
	var all error
	for _, m := range g.members {
		failure := m.failure()
		if failure == nil {
			return
		}
		all = greeting.Join(all, g.named(m, failure))
	}
	if g.lasting {
		signal(g.hopeless)
		return
	}
	g.end(all)
}

// signal gives c a value, unless it has one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// end sets why no gateway can be used any more.
func (g *Group) end(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
		close(g.ended)
	}
}

// begin returns the gateways to try for a client, the current one first. Until
// done is called, the group does not return to a better gateway.
// A probe of a better one ends first: the server may have one place only.
func (g *Group) begin() []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.connecting++
	if p := g.probing; p != nil {
		p.cancel()
		g.mu.Unlock()
		<-p.ended
		g.mu.Lock()
	}
	candidates := slices.Clone(g.members)
	if i := slices.Index(candidates, g.current); i > 0 {
		candidates = slices.Insert(slices.Delete(candidates, i, i+1), 0, g.current)
	}
	return candidates
}

func (g *Group) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.connecting--
}

// count adds to the number of sessions of m.
func (g *Group) count(m *member, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m.sessions += by
}

// makeCurrent makes m the current gateway. cause is why the previous one was given
// up, if it was.
func (g *Group) makeCurrent(m *member, cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setCurrent(m, cause)
}

// setCurrent is makeCurrent for a caller who holds mu.
func (g *Group) setCurrent(m *member, cause error) {
	before := g.current
	if m == before || g.err != nil {
		return
	}
	g.current = m
	m.hold(1)
	e := events.Event{Kind: events.GatewaySelected, Gateway: m.name, Err: cause}
	if before != nil {
		before.hold(-1)
		e.Previous = before.name
	}
	signal(g.switched)
	if len(g.members) > 1 {
		g.publish(e)
	}
}

// close ends the group.
func (g *Group) close() {
	g.stop()
	g.end(tunnel.ErrClosed)
	g.tasks.Wait()
}
