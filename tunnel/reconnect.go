package tunnel

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxWaitIfWanted bounds the wait before an attempt to connect for which a
// caller waits.
const maxWaitIfWanted = time.Second

// reconnect tries to connect until it succeeds, ctx is done or an error is
// permanent.
func (t *Tunnel) reconnect(ctx context.Context) (*link, error) {
	wait := t.backoff.next()
	for {
		if !t.pause(ctx, wait) {
			return nil, ErrClosed
		}
		l, err := t.connect(ctx)
		switch {
		case err == nil:
			return l, nil
		case ctx.Err() != nil:
			return nil, ErrClosed
		case Permanent(err):
			return nil, err
		}
		wait = t.backoff.next()
		t.mu.Lock()
		t.failures++
		t.mu.Unlock()
		t.set(nil, err, nil)
		t.observe(Event{Kind: Waiting, Err: err, Wait: wait})
	}
}

// pause waits before the next attempt, at most maxWaitIfWanted if a caller
// waits for it. It reports whether ctx is not done.
func (t *Tunnel) pause(ctx context.Context, wait time.Duration) bool {
	began := time.Now()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	wanted := t.wanted
	for {
		select {
		case <-timer.C:
			return ctx.Err() == nil
		case <-ctx.Done():
			return false
		case <-wanted:
			wanted = nil
			timer.Reset(min(wait, maxWaitIfWanted) - time.Since(began))
		}
	}
}

// set sets the state that wait returns.
func (t *Tunnel) set(l *link, cause, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link, t.cause, t.err = l, cause, err
	close(t.changed)
	t.changed = make(chan struct{})
}

// withLink calls open with a link that is up, and once more with the next link
// if the first one turns out to be lost.
func (t *Tunnel) withLink(ctx context.Context, open func(l *link) error) error {
	for again := true; ; again = false {
		l, err := t.wait(ctx, 0)
		if err != nil {
			return err
		}
		err = open(l)
		if !again || !errors.Is(err, ErrLost) {
			return err
		}
	}
}

// wait returns a link that is up. It waits for one until ctx is done, the tunnel
// has ended or, if attempts is not zero, so many attempts have failed meanwhile.
func (t *Tunnel) wait(ctx context.Context, attempts int) (*link, error) {
	for first := -1; ; {
		t.mu.Lock()
		l, changed, err, cause, failures := t.link, t.changed, t.err, t.cause, t.failures
		t.mu.Unlock()
		if first < 0 {
			first = failures
		}
		switch {
		case err == ErrClosed:
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrLost, err)
		case l == nil && attempts > 0 && failures-first >= attempts:
			return nil, fmt.Errorf("%w: %w", ErrLost, cause)
		}
		if l != nil {
			select {
			case <-l.done:
				cause = l.err
			default:
				return l, nil
			}
		}
		select {
		case t.wanted <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w, waiting to reconnect: %w (%v)", ErrLost, context.Cause(ctx), cause)
		}
	}
}

// Ready returns nil once the tunnel is connected. It returns an error as soon as
// an attempt to connect has failed, the tunnel has ended or ctx is done. If the
// tunnel waits for its next attempt, Ready makes it happen within a second.
func (t *Tunnel) Ready(ctx context.Context) error {
	_, err := t.wait(ctx, 1)
	return err
}
