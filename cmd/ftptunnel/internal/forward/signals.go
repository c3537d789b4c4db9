package forward

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// A Stopped error is the cause of a context that a signal has cancelled.
type Stopped struct{ Signal os.Signal }

func (e *Stopped) Error() string { return "stopped by a signal: " + e.Signal.String() }

// Interrupted reports whether SIGINT, as from Ctrl-C, has cancelled ctx.
func Interrupted(ctx context.Context) bool {
	var stopped *Stopped
	return errors.As(context.Cause(ctx), &stopped) && stopped.Signal == os.Interrupt
}

// OnSignals returns a context that the first SIGINT or SIGTERM cancels, and a
// channel that the second closes. A third one ends the process. Call stop to
// end the watch.
func OnSignals(ctx context.Context) (first context.Context, second <-chan struct{}, stop func()) {
	first, cancel := context.WithCancelCause(ctx)
	hurry, done := make(chan struct{}), make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watch sync.WaitGroup
	watch.Go(func() {
		defer signal.Stop(signals)
		for _, act := range []func(os.Signal){
			func(s os.Signal) { cancel(&Stopped{s}) },
			func(os.Signal) { close(hurry) },
		} {
			select {
			case s := <-signals:
				act(s)
			case <-done:
				return
			}
		}
	})
	return first, hurry, func() {
		close(done)
		watch.Wait()
		cancel(nil)
	}
}

// UntilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP cancels,
// unless SIGHUP is ignored, as by nohup. Call stop to end the watch; the signals
// then have the effect that they had before.
func UntilSignal(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	notifyHangup(signals)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case s := <-signals:
			cancel(&Stopped{s})
		case <-done:
		}
	})
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(done)
		watch.Wait()
		cancel(nil)
	})
}
