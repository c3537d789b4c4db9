package gateway

import (
	"context"
	"errors"
	"fmt"
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
		failed = greeting.Join(failed, fmt.Errorf("through %s: %w", m.name, err))
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
	g.count(m, 1)
	ended := func() {
		g.count(m, -1)
		m.release(through)
	}
	return ftpfwd.Route{
		Conn: &controlConn{Conn: conn, ended: ended}, Network: through.Tunnel, Gateway: m.name,
		Key: fmt.Sprint(m.name, " ", through.number), // a changed configuration may lead elsewhere
	}, nil
}

// Choose makes the first gateway through which all servers greet the current one.
// If there is none, it is the first that can be connected to, and the error is a
// [*SilentError]. If none can be connected to, there is no current gateway.
func (g *Group) Choose(ctx context.Context) error {
	var fallback *member
	var failed error
	for _, m := range g.members {
		through, err := m.gateway.use(ctx)
		connected := err == nil
		if connected {
			err = greeting.CheckAll(ctx, through, g.servers)
			m.release(through)
		}
		switch {
		case err == nil:
			g.makeCurrent(m, nil)
			return nil
		case ctx.Err() != nil:
			return err
		case connected && fallback == nil:
			fallback, failed = m, &SilentError{err}
		case failed == nil:
			failed = err
		}
		if m.failure() == nil && len(g.members) > 1 {
			g.publish(events.Event{Kind: events.GatewaySkipped, Gateway: m.name, Err: err})
		}
	}
	if fallback != nil {
		g.makeCurrent(fallback, nil)
	}
	return failed
}

// Open chooses a gateway before any client has connected. If there is only one, it
// connects to that and opens no FTP connection. If there are several it calls
// [Group.Choose], and returns a [*SilentError] only if the gateway forbids the
// connection: the others may be temporary.
func (g *Group) Open(ctx context.Context) error {
	if len(g.members) == 1 {
		return g.connect(ctx, g.members[0])
	}
	err := g.Choose(ctx)
	var silent *SilentError
	var open *tunnel.OpenError
	if errors.As(err, &silent) && !(errors.As(err, &open) && open.Prohibited) && ctx.Err() == nil {
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
// greet through it.
type SilentError struct{ Err error }

func (e *SilentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SilentError) Unwrap() error { return e.Err }
