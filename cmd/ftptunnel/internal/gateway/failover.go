package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// nextAfter bounds the wait for one gateway if there is another.
const nextAfter = 10 * time.Second

// Connect makes a control connection to server through the current gateway. If
// there are several, it gives up the current one for the next if the server does
// not greet through it within [nextAfter].
func (g *Group) Connect(ctx context.Context, server string) (ftpfwd.Route, error) {
	candidates := g.begin()
	defer g.done()
	if route, ok := g.takeSpare(candidates[0], server); ok {
		return route, nil
	}
	if len(candidates) == 1 {
		return g.through(ctx, candidates[0], greeting.Limit, server, dial)
	}
	var failed error
	for _, m := range candidates {
		route, err := g.through(ctx, m, nextAfter, server, dialGreeted)
		switch {
		case err == nil:
			g.makeCurrent(m, failed)
			return route, nil
		case ctx.Err() != nil:
			return ftpfwd.Route{}, err
		}
		failed = greeting.Join(failed, g.named(m, err))
	}
	if errors.Is(failed, tunnel.ErrLost) { // wait for it to reconnect
		return g.through(ctx, candidates[0], greeting.Limit, server, dial)
	}
	return ftpfwd.Route{}, failed
}

// through connects to server on m, within a limit.
func (g *Group) through(ctx context.Context, m *member, limit time.Duration, server string, dial dialFunc) (ftpfwd.Route, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	through, err := m.gateway.use(ctx)
	if err != nil {
		return ftpfwd.Route{}, err
	}
	conn, err := dial(ctx, through.Tunnel, server)
	if err != nil {
		m.release(through)
		return ftpfwd.Route{}, err
	}
	return g.route(m, through, conn), nil
}

// route returns the route of a session whose control connection is conn. The
// session's use of through ends with that.
func (g *Group) route(m *member, through *connection, conn net.Conn) ftpfwd.Route {
	g.count(m, 1)
	ended := func() {
		g.count(m, -1)
		m.release(through)
	}
	return ftpfwd.Route{
		Conn: &controlConn{Conn: conn, ended: ended}, Network: through.Tunnel, Gateway: m.name,
		Key: fmt.Sprint(m.name, " ", through.number), // a changed configuration may lead elsewhere
	}
}

// Choose makes the first gateway through which all servers greet the current one,
// and keeps the connections for the first clients. If there is none, it is the
// first that can be connected to, and the error is a [*SilentError]. If none can be
// connected to, there is no current gateway, and the error names all of them.
func (g *Group) Choose(ctx context.Context) error { return g.choose(ctx, g.publishSkipped) }

// publishSkipped publishes why m was not chosen, if there are others and the reason
// is not permanent: that has been published.
func (g *Group) publishSkipped(m *member, err error) {
	if m.failure() == nil && len(g.members) > 1 {
		g.publish(events.Event{Kind: events.GatewaySkipped, Gateway: m.name, Err: err})
	}
}

// choose is Choose. It calls skipped with each gateway that is not chosen.
func (g *Group) choose(ctx context.Context, skipped func(*member, error)) error {
	var fallback *member
	var first, failed error // of the fallback; of all
	for _, m := range g.members {
		connected, err := g.tryFirst(ctx, m)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return err
		case connected && fallback == nil:
			fallback, first = m, err
		}
		failed = greeting.Join(failed, g.named(m, err))
		skipped(m, err)
	}
	if fallback != nil {
		g.makeCurrent(fallback, nil)
		return &SilentError{Err: failed, first: first}
	}
	return failed
}

// tryFirst makes m the current gateway if all servers greet through it.
func (g *Group) tryFirst(ctx context.Context, m *member) (connected bool, err error) {
	through, err := m.gateway.use(ctx)
	if err != nil {
		return false, err
	}
	defer m.release(through)
	spares, err := g.greet(ctx, m, through)
	if err != nil {
		return true, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setCurrent(m, nil)
	g.keep(spares)
	return true, nil
}

// named returns err with the name of m if there are several gateways.
func (g *Group) named(m *member, err error) error {
	if len(g.members) == 1 {
		return err
	}
	return fmt.Errorf("through %s: %w", m.name, err)
}

// Open chooses a gateway before any client has connected. If there is only one, it
// connects to that and opens no FTP connection. If there are several it calls
// [Group.Choose], and returns a [*SilentError] only if the gateway forbids the
// connection: the others may be temporary.
func (g *Group) Open(ctx context.Context) error { return g.openOr(ctx, g.publishSkipped) }

// openOr is Open. It calls failed with each gateway that is not chosen, and with the
// only one if it cannot be connected to.
func (g *Group) openOr(ctx context.Context, failed func(*member, error)) error {
	if len(g.members) > 1 {
		return unlessTemporary(ctx, g.choose(ctx, failed))
	}
	m := g.members[0]
	err := g.connect(ctx, m)
	if err != nil {
		failed(m, err)
	}
	return err
}

// unlessTemporary returns err, or nil if it is a [*SilentError] that may be
// temporary.
func unlessTemporary(ctx context.Context, err error) error {
	var silent *SilentError
	var open *tunnel.OpenError
	if errors.As(err, &silent) && !(errors.As(silent.first, &open) && open.Prohibited) && ctx.Err() == nil {
		return nil
	}
	return err
}

// connect makes m the current gateway once it is connected.
func (g *Group) connect(ctx context.Context, m *member) error {
	through, err := m.gateway.use(ctx)
	if err != nil {
		return err
	}
	defer m.release(through)
	g.makeCurrent(m, nil)
	return nil
}

// A SilentError reports that a gateway is connected, but some FTP server does not
// greet through any.
type SilentError struct {
	Err   error // of all gateways
	first error // of the one that is connected
}

func (e *SilentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SilentError) Unwrap() error { return e.Err }
