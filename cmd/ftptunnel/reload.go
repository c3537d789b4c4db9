package main

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"sync"

	"example.org/ftptunnel/tunnel/sshconfig"
)

// reloadOnHangup reloads when SIGHUP comes. Where it comes because the terminal
// is gone that the program was started in, it calls hangUp, as ssh would end
// then. What it returns has to be called.
func (p *program) reloadOnHangup(ctx context.Context, g *gateways, hangUp func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	notifyHangup(signals)
	atTerminal := hasTerminal()
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-signals:
			case <-ctx.Done():
				return
			}
			if atTerminal && !hasTerminal() {
				hangUp()
				return
			}
			g.reload(ctx, p.ssh)
		}
	})
	return func() {
		signal.Stop(signals)
		cancel()
		watch.Wait()
	}
}

// reload looks at the ssh configuration again. A gateway that is configured in
// another way now is connected to anew: new clients go there, and those of the
// old connection stay on it until they leave. What cannot be used is told, and
// changes nothing.
func (g *gateways) reload(ctx context.Context, options sshconfig.Options) {
	g.mu.Lock()
	list := slices.Clone(g.list)
	g.mu.Unlock()
	for i, old := range list {
		hops, err := sshconfig.Resolve(ctx, old.name, options)
		if err != nil {
			g.log.Error("the configuration cannot be used, and the old one stays", "gateway", old.name, errorAttr(err), hintAttr(err))
			continue
		}
		if reflect.DeepEqual(hops, old.hops) && !g.hasFailed(old) {
			g.log.Info("the configuration has not changed", "gateway", old.name)
			continue
		}
		next := &gateway{name: old.name, hops: hops}
		if g.inUse(old) {
			if _, err := g.up(ctx, next); err != nil {
				g.log.Error("no connection with the new configuration, and the old one stays", "gateway", old.name, errorAttr(err), hintAttr(err))
				continue
			}
		}
		g.replace(i, next)
		g.log.Info("the configuration has changed: new clients use it", "gateway", old.name)
	}
}

func (g *gateways) hasFailed(gw *gateway) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return gw.failed != nil
}

func (g *gateways) inUse(gw *gateway) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return gw == g.current
}

// replace makes next the i-th gateway. The one before ends with its last
// session.
func (g *gateways) replace(i int, next *gateway) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.list[i]
	g.list[i] = next
	if g.current == old {
		g.current = next
	}
	old.retired = true
	g.discard(old)
}
