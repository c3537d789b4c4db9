package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

const (
	// nextAfter is for how long one gateway is tried while there is another.
	nextAfter = 10 * time.Second

	// returnEvery is how often a better gateway than the current one is tried.
	returnEvery = 10 * time.Second
)

// choose makes the first gateway the current one through which all servers
// greet. If there is none it takes the first that answers, and the error is a
// [*silentError]; if none answers, it takes none.
func (g *gateways) choose(ctx context.Context) error {
	var answering *gateway
	var first error
	for _, gw := range g.list {
		t, err := g.up(ctx, gw)
		answers := err == nil
		if answers {
			err = greetAll(ctx, t, g.servers)
		}
		switch {
		case err == nil:
			g.use(gw)
			return nil
		case ctx.Err() != nil:
			return err
		case answers && answering == nil:
			answering, first = gw, &silentError{err}
		case first == nil:
			first = err
		}
		if len(g.list) > 1 && !g.hasFailed(gw) {
			g.log.Warn("no way to the FTP server", "gateway", gw.name, errorAttr(err), hintAttr(err))
		}
	}
	if answering != nil {
		g.use(answering)
	}
	return first
}

// A silentError says that a gateway answers, but not what is behind it.
type silentError struct{ err error }

func (e *silentError) Error() string { return e.err.Error() }

func (e *silentError) Unwrap() error { return e.err }

// use makes gw the current gateway.
func (g *gateways) use(gw *gateway) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gw.retired || gw == g.current {
		return
	}
	g.current = gw
	if len(g.list) > 1 {
		g.log.Info("gateway in use", "gateway", gw.name)
	}
}

// Connect makes a control connection to server through the first gateway on
// which the server greets, beginning with the current one.
func (g *gateways) Connect(ctx context.Context, server string) (ftpfwd.Route, error) {
	list := g.candidates()
	if len(list) == 1 {
		return g.through(ctx, list[0], greetingAtMost, server, dialPatiently)
	}
	var failed error
	for _, gw := range list {
		route, err := g.through(ctx, gw, nextAfter, server, dialGreeted)
		switch {
		case err == nil:
			g.use(gw)
			return route, nil
		case ctx.Err() != nil:
			return ftpfwd.Route{}, err
		}
		err = fmt.Errorf("through %s: %w", gw.name, err)
		if failed == nil {
			failed = err
		} else {
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	if errors.Is(failed, tunnel.ErrLost) {
		return g.through(ctx, list[0], greetingAtMost, server, dialPatiently) // it may be back soon
	}
	return ftpfwd.Route{}, failed
}

// candidates returns the current gateway and then the others.
func (g *gateways) candidates() []*gateway {
	g.mu.Lock()
	defer g.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(g.list), func(gw *gateway) bool { return gw == g.current })
	return append([]*gateway{g.current}, others...)
}

// through dials server on gw, within a time.
func (g *gateways) through(ctx context.Context, gw *gateway, atMost time.Duration, server string, dial func(context.Context, *tunnel.Tunnel, string) (net.Conn, error)) (ftpfwd.Route, error) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	g.count(gw, 1)
	t, err := g.up(ctx, gw)
	var conn net.Conn
	if err == nil {
		conn, err = dial(ctx, t, server)
	}
	if err != nil {
		g.count(gw, -1)
		return ftpfwd.Route{}, err
	}
	return ftpfwd.Route{Conn: &controlConn{Conn: conn, release: func() { g.count(gw, -1) }}, Network: t, Gateway: gw.name}, nil
}

// keepReturning tries better gateways than the current one, again and again
// until ctx is done.
func (g *gateways) keepReturning(ctx context.Context) {
	every := time.NewTicker(returnEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			g.goBack(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// goBack makes a better gateway the current one, if there is one through which
// all servers greet, and nothing is running.
func (g *gateways) goBack(ctx context.Context) {
	for _, gw := range g.better() {
		err := g.try(ctx, gw)
		if err != nil {
			g.log.Debug("no way to the FTP server", "gateway", gw.name, errorAttr(err))
			continue
		}
		g.returnTo(gw)
		return
	}
}

// better returns the gateways before the current one; none if that is in use.
func (g *gateways) better() []*gateway {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current == nil || g.current.sessions > 0 {
		return nil
	}
	return slices.Clone(g.list[:max(slices.Index(g.list, g.current), 0)])
}

// try tries gw, for nextAfter at most.
func (g *gateways) try(ctx context.Context, gw *gateway) error {
	ctx, cancel := context.WithTimeout(ctx, nextAfter)
	defer cancel()
	t, err := g.up(ctx, gw)
	if err != nil {
		return err
	}
	if err := t.Ready(ctx); err != nil {
		return err
	}
	return greetAll(ctx, t, g.servers)
}

// returnTo makes gw the current gateway, and closes the one before, unless a
// client has come meanwhile.
func (g *gateways) returnTo(gw *gateway) {
	g.mu.Lock()
	before := g.current
	busy := before.sessions > 0
	if !busy {
		g.closeTunnel(before)
	}
	g.mu.Unlock()
	if !busy {
		g.use(gw)
	}
}
