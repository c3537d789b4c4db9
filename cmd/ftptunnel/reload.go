package main

import (
	"context"
	"os"
	"os/signal"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
)

// reloadOnHangup reloads when SIGHUP comes. Where it comes because the terminal
// is gone that the program was started in, it calls hangUp, as ssh would end
// then. What it returns has to be called.
func (p *program) reloadOnHangup(ctx context.Context, pool *gateway.Pool, hangUp func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	notifyHangup(signals)
	atTerminal := terminal.Controlling()
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-signals:
			case <-ctx.Done():
				return
			}
			if atTerminal && !terminal.Controlling() {
				hangUp()
				return
			}
			pool.Reload(ctx)
		}
	})
	return func() {
		signal.Stop(signals)
		cancel()
		watch.Wait()
	}
}
