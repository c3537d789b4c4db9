package forward

import (
	"context"
	"os"
	"os/signal"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
)

// OnHangup calls reload for each SIGHUP. If the terminal in which the program
// was started has been closed, it calls end instead, as ssh ends then. Call
// stop to end the watch.
func OnHangup(ctx context.Context, reload func(context.Context), end func()) (stop func()) {
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
				end()
				return
			}
			reload(ctx)
		}
	})
	return func() {
		signal.Stop(signals)
		cancel()
		watch.Wait()
	}
}
