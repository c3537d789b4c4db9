package tunnel

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	defaultInterval = 15 * time.Second // ServerAliveInterval
	defaultCount    = 3                // ServerAliveCountMax
)

// A Tunnel is an SSH connection to the last of a list of hops, made again
// whenever it is lost. Its methods may be called from several goroutines.
type Tunnel struct {
	cfg     Config
	keys    keyring
	backoff *backoff
	wanted  chan struct{} // has a value if somebody waits for a link
	stop    context.CancelFunc
	done    chan struct{} // closed when the tunnel has ended and all goroutines have

	telling sync.Mutex // held while cfg.Observe runs

	mu      sync.Mutex
	link    *link         // nil while there is none
	changed chan struct{} // closed, and replaced, when link or err changes
	err     error         // why the tunnel ended
	trouble error         // why there is no link
	failed  int           // attempts that have failed
}

// Open connects to the last of cfg.Hops. It returns once connected, or with
// the reason why not, a [*HopError]; ctx bounds only this first attempt. Until
// [Tunnel.Close] the tunnel then connects again whenever the connection is
// lost, and ends by itself only for what time does not mend: authentication
// refused, a host key that is not trusted, no algorithm in common, a question
// that the user would not answer.
func Open(ctx context.Context, cfg Config) (*Tunnel, error) {
	return open(ctx, cfg, newBackoff())
}

func open(ctx context.Context, cfg Config, b *backoff) (*Tunnel, error) {
	if len(cfg.Hops) == 0 || cfg.HostKeys == nil {
		return nil, errors.New("tunnel: Config needs Hops and HostKeys")
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	t := &Tunnel{
		cfg: cfg, keys: newKeyring(), backoff: b, stop: stop,
		wanted: make(chan struct{}, 1), done: make(chan struct{}), changed: make(chan struct{}),
	}
	l, err := t.connect(ctx)
	if err != nil {
		stop()
		return nil, err
	}
	go t.run(life, l)
	return t, nil
}

// run owns the connection: it has it watched, waits for its loss and makes the
// next, until ctx is done or no other can be made.
func (t *Tunnel) run(ctx context.Context, l *link) {
	var err error
	for err == nil {
		up := time.Now()
		select {
		case <-l.done:
		case <-ctx.Done():
		}
		l.close(ErrClosed) // the first cause is the one that counts
		if ctx.Err() != nil {
			err = ErrClosed
			break
		}
		t.set(nil, l.err, nil)
		t.tell(Event{Kind: Down, Err: l.err})
		t.backoff.lost(time.Since(up))
		l, err = t.reconnect(ctx)
	}
	t.set(nil, nil, err)
	close(t.done)
}

// connect makes one attempt, hop by hop.
func (t *Tunnel) connect(ctx context.Context) (*link, error) {
	t.tell(Event{Kind: Connecting})
	var l *link
	for _, h := range t.cfg.Hops {
		next, err := t.join(ctx, h, l)
		if err != nil {
			if l != nil {
				l.close(err)
			}
			return nil, err
		}
		l = next
	}
	h := l.hop
	l.start(func() {
		l.watch(cmp.Or(h.ServerAliveInterval, defaultInterval), cmp.Or(h.ServerAliveCountMax, defaultCount))
	})
	t.set(l, nil, nil)
	t.tell(Event{Kind: Up, Text: l.String()})
	return l, nil
}

// through runs open on a link, and once more on the next link if that one
// turned out to be lost.
func (t *Tunnel) through(ctx context.Context, open func(l *link) error) error {
	for again := true; ; again = false {
		l, err := t.await(ctx, 0)
		if err != nil {
			return err
		}
		err = open(l)
		if !again || !errors.Is(err, ErrLost) {
			return err
		}
	}
}

// DialContext connects to address from the far end, which resolves the host.
// While there is no connection it waits for one until ctx is done. Once it has
// returned, ctx has no effect. The connection has a CloseWrite method and no
// deadlines; when the SSH connection is lost, its errors wrap [ErrLost]. If the
// gateway refuses, the error is an [*OpenError].
func (t *Tunnel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := checkNetwork(network); err != nil {
		return nil, err
	}
	var c *conn
	err := t.through(ctx, func(l *link) (err error) {
		c, err = l.dial(ctx, address)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Listen asks the far end to listen on address and to pass on the connections
// it gets; port 0 takes a free port, which the listener's Addr tells. While
// there is no connection it waits for one until ctx is done. Once it has
// returned, ctx has no effect. The listener closes when the SSH connection is
// lost: its error then wraps [ErrLost]. If the gateway refuses, the error is an
// [*OpenError].
//
// A server may listen on another address than it was asked for, and not say so:
// sshd does unless GatewayPorts is set.
func (t *Tunnel) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if err := checkNetwork(network); err != nil {
		return nil, err
	}
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, err
	}
	var ln *listener
	err = t.through(ctx, func(l *link) (err error) {
		ln, err = l.router.listen(ctx, host, port)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ln, nil
}

func checkNetwork(network string) error {
	switch network {
	case "tcp", "tcp4", "tcp6":
		return nil
	}
	return net.UnknownNetworkError(network)
}

// Done returns a channel that is closed when the tunnel has ended for good;
// [Tunnel.Err] then says why.
func (t *Tunnel) Done() <-chan struct{} { return t.done }

// Err returns why the tunnel has ended, [ErrClosed] after Close, or nil if it
// has not.
func (t *Tunnel) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Close ends the tunnel and all that was opened through it, and waits for its
// goroutines. It returns nil.
func (t *Tunnel) Close() error {
	t.stop()
	<-t.done
	return nil
}

// tell tells cfg.Observe of e; the hop is the destination if none is named.
func (t *Tunnel) tell(e Event) {
	if t.cfg.Observe == nil {
		return
	}
	if e.Hop.Alias == "" && e.Hop.HostName == "" {
		e.Hop = t.cfg.Hops[len(t.cfg.Hops)-1]
	}
	t.telling.Lock()
	defer t.telling.Unlock()
	t.cfg.Observe(e)
}
