package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Tunnel is an SSH connection that is connected again whenever it is lost.
// Its methods may be called from several goroutines.
type Tunnel struct {
	cfg    Config
	cancel context.CancelFunc
	done   chan struct{} // closed when the tunnel has ended for good

	mu      sync.Mutex
	link    *link         // nil while there is none
	changed chan struct{} // closed, and made anew, when link changes
	err     error         // why the tunnel has ended
	signers map[string]ssh.Signer
	telling sync.Mutex
}

// Open connects to the last of cfg.Hops. It returns once connected, or with
// the reason it could not; ctx bounds only this first attempt. Later losses are
// repaired until Close, or until only a person can mend them: then Done is
// closed and Err says why.
func Open(ctx context.Context, cfg Config) (*Tunnel, error) {
	if len(cfg.Hops) == 0 || cfg.HostKeys == nil {
		return nil, errors.New("tunnel: no hops, or nothing to verify host keys with")
	}
	t := &Tunnel{cfg: cfg, done: make(chan struct{}), changed: make(chan struct{}), signers: make(map[string]ssh.Signer)}
	t.tell(Event{Kind: Connecting})
	l, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	t.setLink(l)
	go t.run(running, l)
	return t, nil
}

// run owns the connection: keep it, lose it, connect again.
func (t *Tunnel) run(ctx context.Context, l *link) {
	defer close(t.done)
	var pause backoff
	for {
		began := time.Now()
		t.tell(Event{Kind: Up, Text: l.negotiated()})
		t.keep(ctx, l)
		err := l.failure()
		t.setLink(nil)
		l.close(err)
		if ctx.Err() != nil {
			t.end(ErrClosed)
			return
		}
		t.tell(Event{Kind: Down, Err: err})
		pause.lost(time.Since(began))
		if l, err = t.reconnect(ctx, &pause); err != nil {
			t.end(err)
			return
		}
		t.setLink(l)
	}
}

// keep returns when l is dead.
func (t *Tunnel) keep(ctx context.Context, l *link) {
	h := t.destination()
	l.spawn(func() { l.keepAlive(h.ServerAliveInterval, h.ServerAliveCountMax) })
	select {
	case <-l.dead:
	case <-ctx.Done():
		l.fail(ErrClosed)
		<-l.dead
	}
}

// reconnect tries until it succeeds, ctx is done, or only a person can help.
func (t *Tunnel) reconnect(ctx context.Context, pause *backoff) (*link, error) {
	wait := pause.wait()
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ErrClosed
		}
		t.tell(Event{Kind: Connecting})
		l, err := t.connect(ctx)
		switch {
		case err == nil:
			return l, nil
		case ctx.Err() != nil:
			return nil, ErrClosed
		case permanent(err):
			return nil, err
		}
		wait = pause.wait()
		t.tell(Event{Kind: Waiting, Err: err, Wait: wait})
	}
}

func (t *Tunnel) setLink(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link = l
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *Tunnel) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// current returns the link, waiting for one until ctx is done. It is not
// before, which has turned out to be of no use.
func (t *Tunnel) current(ctx context.Context, before *link) (*link, error) {
	for {
		t.mu.Lock()
		l, changed := t.link, t.changed
		t.mu.Unlock()
		if l != nil && l != before {
			return l, nil
		}
		select {
		case <-changed:
		case <-t.done:
			return nil, t.Err()
		case <-ctx.Done():
			return nil, fmt.Errorf("no connection to %s: %w", t.destination(), ctx.Err())
		}
	}
}

// DialContext connects to address from the far end. If the tunnel is
// reconnecting, it waits until that succeeds or ctx is done. Once it has
// returned, ctx has no effect on the connection, which has CloseWrite and does
// not support deadlines. If the gateway refuses, the error is an [*OpenError].
func (t *Tunnel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var c net.Conn
	err := t.try(ctx, func(l *link) error {
		opened, err := l.dial(ctx, l.last(), address)
		if err == nil {
			c = opened
		}
		return err
	})
	return c, err
}

// Listen asks the far end to announce on address and deliver the connections
// here. The listener closes when the SSH connection is lost. If the gateway
// refuses, the error is an [*OpenError]. That it agrees does not mean that it
// listens where it was asked to: most servers listen on their loopback only.
func (t *Tunnel) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var n net.Listener
	err := t.try(ctx, func(l *link) error {
		opened, err := l.listen(ctx, address)
		if err == nil {
			n = opened
		}
		return err
	})
	return n, err
}

// try runs open on the link, and once more on the next one if the first turned
// out to be dead.
func (t *Tunnel) try(ctx context.Context, open func(*link) error) error {
	l, err := t.current(ctx, nil)
	if err != nil {
		return err
	}
	if err = open(l); err == nil || !errors.Is(err, ErrLost) {
		return err
	}
	if l, err = t.current(ctx, l); err != nil {
		return err
	}
	return open(l)
}

// Done returns a channel that is closed when the tunnel has ended for good; Err
// then reports why.
func (t *Tunnel) Done() <-chan struct{} { return t.done }

// Err returns why the tunnel has ended, ErrClosed after Close, or nil while it
// has not.
func (t *Tunnel) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Close ends the tunnel and everything opened through it, and waits for its
// goroutines.
func (t *Tunnel) Close() error {
	t.cancel()
	<-t.done
	return nil
}

func (t *Tunnel) destination() Hop { return t.cfg.Hops[len(t.cfg.Hops)-1] }

// tell reports an event to the observer.
func (t *Tunnel) tell(e Event) {
	if t.cfg.Observe == nil {
		return
	}
	if e.Hop.HostName == "" {
		e.Hop = t.destination()
	}
	t.telling.Lock()
	defer t.telling.Unlock()
	t.cfg.Observe(e)
}

// unlocked returns the signer of a key file whose passphrase has been given in
// the lifetime of t, or nil.
func (t *Tunnel) unlocked(file string) ssh.Signer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.signers[file]
}

func (t *Tunnel) remember(file string, s ssh.Signer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.signers[file] = s
}

// negotiated describes l's connection to the destination.
func (l *link) negotiated() string {
	c := l.last()
	text := string(c.ServerVersion())
	if m, ok := c.(ssh.AlgorithmsConnMetadata); ok {
		a := m.Algorithms()
		text += ", " + a.KeyExchange + ", " + a.HostKey + ", " + a.Read.Cipher
	}
	return text
}
