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

// nextAfter is how long a client waits for one gateway while there is another.
const nextAfter = 10 * time.Second

// Connect makes a control connection to server through the current gateway.
// Where there are several, it is given up for the next one if it does not lead
// to the server's greeting within [nextAfter].
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
	if errors.Is(failed, tunnel.ErrLost) { // it may be back soon
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

// Choose makes the first gateway the current one through which all servers
// greet. If there is none it takes the first that it can connect to, and the
// error is a [*SilentError]; if it can connect to none, it takes none.
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

// Open connects to a gateway for clients to come. With one gateway it opens no
// FTP connection: a server that does not answer shows when a client needs it.
// With several it is [Group.Choose], but it is no error if no server greets, unless
// the gateway prohibits connections to it: time does not change that.
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

// A SilentError reports that the program is connected to a gateway, but no FTP
// server greets through it.
type SilentError struct{ Err error }

func (e *SilentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SilentError) Unwrap() error { return e.Err }
