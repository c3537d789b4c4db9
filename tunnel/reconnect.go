package tunnel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

// whenWanted is the most that somebody who needs the connection waits for the
// next attempt to make it.
const whenWanted = time.Second

// reconnect tries to connect until it succeeds, ctx is done, or trying again
// is of no use.
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
		t.failed++
		t.mu.Unlock()
		t.set(nil, err, nil)
		t.tell(Event{Kind: Waiting, Err: err, Wait: wait})
	}
}

// pause waits before the next attempt, at most whenWanted if the connection is
// needed, and reports whether ctx is not done.
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
			timer.Reset(min(wait, whenWanted) - time.Since(began))
		}
	}
}

// Permanent reports whether time does not mend err, with which [Open] or a
// tunnel has failed. A connection is never attempted again after the server has
// refused to authenticate the user: servers count that.
func Permanent(err error) bool {
	if hop, ok := errors.AsType[*HopError](err); ok && hop.Op == verifyHostKey {
		return !errors.Is(err, ErrUndecided)
	}
	if _, ok := errors.AsType[*AuthError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*askError](err); ok {
		return true
	}
	_, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	return ok
}

// set changes what those who wait for a link see.
func (t *Tunnel) set(l *link, trouble, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link, t.trouble, t.err = l, trouble, err
	close(t.changed)
	t.changed = make(chan struct{})
}

// await returns a link that is up, waiting for one until ctx is done or, if
// attempts is not zero, so many have failed meanwhile.
func (t *Tunnel) await(ctx context.Context, attempts int) (*link, error) {
	for first := -1; ; {
		t.mu.Lock()
		l, changed, err, trouble, failed := t.link, t.changed, t.err, t.trouble, t.failed
		t.mu.Unlock()
		if first < 0 {
			first = failed
		}
		switch {
		case err == ErrClosed:
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrLost, err)
		case l == nil && attempts > 0 && failed-first >= attempts:
			return nil, fmt.Errorf("%w: %w", ErrLost, trouble)
		}
		if l != nil {
			select {
			case <-l.done:
				trouble = l.err
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
			return nil, fmt.Errorf("%w, waiting to reconnect: %w (%v)", ErrLost, context.Cause(ctx), trouble)
		}
	}
}

// Ready returns nil once the tunnel is connected, or why it is not as soon as
// an attempt to connect has failed or ctx is done. It has the next attempt made
// soon.
func (t *Tunnel) Ready(ctx context.Context) error {
	_, err := t.await(ctx, 1)
	return err
}
