package forward

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// OnSignals returns a context that the first SIGINT or SIGTERM cancels, and a
// channel that the second closes. A third one ends the process. Call stop to
// end the watch.
func OnSignals(ctx context.Context) (first context.Context, second <-chan struct{}, stop func()) {
	first, cancel := context.WithCancel(ctx)
	hurry, done := make(chan struct{}), make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watch sync.WaitGroup
	watch.Go(func() {
		defer signal.Stop(signals)
		for _, act := range []func(){cancel, func() { close(hurry) }} {
			select {
			case <-signals:
				act()
			case <-done:
				return
			}
		}
	})
	return first, hurry, func() {
		close(done)
		watch.Wait()
		cancel()
	}
}
