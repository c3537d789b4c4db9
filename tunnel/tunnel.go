package tunnel

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// A Tunnel is an SSH connection to the last of a list of hops that reconnects
// whenever it is lost. Its methods may be called from several goroutines. It
// has the methods of a network: DialContext of [net.Dialer] and Listen of
// [net.ListenConfig].
type Tunnel struct {
	cfg     Config
	keys    keyring
	peers   []*peer // the servers of cfg.Hops
	backoff *backoff
	wanted  chan struct{} // has a value if a caller waits for a link
	stop    context.CancelFunc
	done    chan struct{} // closed when the tunnel and its goroutines have ended

	observing sync.Mutex // held while cfg.Observe runs

	mu       sync.Mutex
	link     *link         // nil while not connected
	changed  chan struct{} // closed and replaced when link or err changes
	err      error         // why the tunnel has ended
	cause    error         // why link is nil
	failures int           // attempts that have failed
}

// Open connects to the last of cfg.Hops, through the others. It returns when
// connected, or with a [*HopError] if it cannot connect; it makes one attempt.
// Cancelling ctx ends that attempt, but has no effect once Open has returned.
//
// The tunnel then reconnects whenever the connection is lost, for as long as it
// takes, until [Tunnel.Close] or an error that is permanent; see [Permanent].
// The caller must close the tunnel.
func Open(ctx context.Context, cfg Config) (*Tunnel, error) {
	return open(ctx, cfg, newBackoff())
}

func open(ctx context.Context, cfg Config, b *backoff) (*Tunnel, error) {
	if len(cfg.Hops) == 0 || cfg.HostKeys == nil {
		return nil, errors.New("tunnel: Config without Hops or HostKeys")
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	t := &Tunnel{
		cfg: cfg, keys: newKeyring(), backoff: b, stop: stop,
		wanted: make(chan struct{}, 1), done: make(chan struct{}), changed: make(chan struct{}),
	}
	for range cfg.Hops {
		t.peers = append(t.peers, &peer{})
	}
	l, err := t.connect(ctx)
	if err != nil {
		stop()
		return nil, err
	}
	go t.run(life, l)
	return t, nil
}

// run waits for the end of each link and makes the next, until ctx is done or an
// error is permanent.
func (t *Tunnel) run(ctx context.Context, l *link) {
	var err error
	for err == nil {
		up := time.Now()
		select {
		case <-l.done:
		case <-ctx.Done():
		}
		t.closeLink(l, ErrClosed) // has no effect on the cause if the link has ended
		if ctx.Err() != nil {
			err = ErrClosed
			break
		}
		t.set(nil, l.err, nil)
		t.observe(Event{Kind: Down, Err: l.err})
		t.backoff.lost(time.Since(up))
		l, err = t.reconnect(ctx)
	}
	t.set(nil, nil, err)
	close(t.done)
}

// DialContext connects to address from the gateway, which resolves the host
// name (direct-tcpip; RFC 4254, section 7.2). Network must be "tcp", "tcp4" or
// "tcp6"; the gateway chooses the address family in any case.
//
// While the tunnel is not connected, DialContext waits for it until ctx is
// done. Once DialContext has returned, ctx has no effect. If the gateway
// rejects the request, the error is an [*OpenError]; if the SSH connection is
// lost, it wraps [ErrLost].
//
// The caller must close the connection. It has a CloseWrite method. Its
// deadline methods return [os.ErrNoDeadline]: to end a Read or Write, close it.
//
// What calls of Write, CloseWrite and Close send reaches the gateway in the order
// of the calls, also those of different connections, if each has returned before
// the next begins. DialContext follows calls of Close in the same way.
func (t *Tunnel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := checkNetwork(network); err != nil {
		return nil, err
	}
	var c *conn
	err := t.withLink(ctx, func(l *link) (err error) {
		c, err = l.dial(ctx, address)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Listen has the gateway listen on address and forward the connections
// (tcpip-forward; RFC 4254, section 7.1). Network must be "tcp", "tcp4" or
// "tcp6". With port 0 the gateway chooses a free port, which the listener's Addr
// returns.
//
// While the tunnel is not connected, Listen waits for it until ctx is done. Once
// Listen has returned, ctx has no effect. If the gateway rejects the request,
// the error is an [*OpenError].
//
// The caller must close the listener. It also closes when the SSH connection is
// lost; the error of Accept then wraps [ErrLost] and [net.ErrClosed]. The
// accepted connections are like those of [Tunnel.DialContext].
//
// A server may listen on another address than requested without reporting that.
// An sshd does unless its GatewayPorts option is "clientspecified".
func (t *Tunnel) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if err := checkNetwork(network); err != nil {
		return nil, err
	}
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, err
	}
	var ln *listener
	err = t.withLink(ctx, func(l *link) (err error) {
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

// RemoteAddr returns the address of the gateway that the tunnel is connected to.
// It returns nil while the tunnel is not connected, and if the gateway is reached
// through a jump host or a ProxyCommand, which look it up themselves.
func (t *Tunnel) RemoteAddr() net.Addr {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.link == nil || t.link.via != nil || t.link.hop.ProxyCommand != "" {
		return nil
	}
	return t.link.conn.RemoteAddr()
}

// Done returns a channel that is closed when the tunnel has ended: after
// [Tunnel.Close], or after an error that is permanent.
func (t *Tunnel) Done() <-chan struct{} { return t.done }

// Err returns why the tunnel has ended, or nil if it has not. After
// [Tunnel.Close] that is [ErrClosed].
func (t *Tunnel) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Close ends the tunnel and everything that was opened through it, and waits
// for its goroutines. It returns nil.
func (t *Tunnel) Close() error {
	t.stop()
	<-t.done
	return nil
}

// observe passes e to [Config].Observe. If e has no hop, that is the gateway.
func (t *Tunnel) observe(e Event) {
	if t.cfg.Observe == nil {
		return
	}
	e.Gateway = t.cfg.Hops[len(t.cfg.Hops)-1]
	if e.Hop.Alias == "" && e.Hop.HostName == "" {
		e.Hop = e.Gateway
	}
	t.observing.Lock()
	defer t.observing.Unlock()
	t.cfg.Observe(e)
}
