package forward

import (
	"context"
	"os"
	"os/signal"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
)

// A Hangup catches SIGHUP from [CatchHangup] on, so that it does not end the
// process.
type Hangup struct {
	signals    chan os.Signal
	atTerminal bool // when the program was started
}

// CatchHangup begins to catch SIGHUP, unless it is ignored, as by nohup. Call
// Stop to end that.
func CatchHangup() *Hangup {
	h := &Hangup{signals: make(chan os.Signal, 1), atTerminal: terminal.Controlling()}
	notifyHangup(h.signals)
	return h
}

// Stop ends the catching.
func (h *Hangup) Stop() { signal.Stop(h.signals) }

// Watch calls reload for each SIGHUP, and for one that came before. If the
// terminal in which the program was started has been closed, it calls end instead,
// as ssh ends then. Call stop to end the watch.
func (h *Hangup) Watch(ctx context.Context, reload func(context.Context), end func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-h.signals:
			case <-ctx.Done():
				return
			}
			if h.atTerminal && !terminal.Controlling() {
				end()
				return
			}
			reload(ctx)
		}
	})
	return func() {
		cancel()
		watch.Wait()
	}
}
