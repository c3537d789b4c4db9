package ftpfwd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Forwarder forwards each control connection that it accepts to an FTP server,
// and the data connections that it announces. Set its fields before calling
// Serve, and do not copy it; the zero value of an optional field means its
// default.
type Forwarder struct {
	// Server is the FTP server's host:port, as Remote names it. If empty, each
	// client names its own when it logs in, as user@host or user@host:port, and
	// Targets says which it may name.
	Server  string
	Targets Targets

	Remote Network // the network that Server is on; required unless Connect is there
	Local  Network // the network that clients are on; if nil, this host's

	// Connect, if not nil, makes the control connection of each session instead
	// of Remote, within DialTimeout. The session's data connections take the
	// network of the route that it returns.
	Connect func(ctx context.Context, server string) (Route, error)

	// Lookup returns the addresses of a host name, as far as this machine knows
	// them, and may be nil. It is asked only when a server's name has led a data
	// connection nowhere, and the server names an address of its own.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

	// Owner returns the user whose process made a connection to a listener of
	// Local, by a name of its own choice, or "" if the process is on another
	// host; an error rejects the connection. Only owners among Users are
	// accepted, any if that is nil, and a data connection must have the owner of
	// its control connection. If Owner is nil, every connection is accepted.
	Owner func(net.Conn) (string, error)
	Users []string

	// MaxClients bounds how many clients are served at a time; others receive a
	// 421. If zero, all are served.
	MaxClients int

	// ServerMode says with which methods data connections may be opened with the
	// server, whatever clients use; if empty, [Auto].
	ServerMode ServerMode

	// ActiveAddress is an address of Remote's listeners that the server can
	// connect to, for a server that cannot reach Remote's loopback. It is tried
	// by dialling it through Remote before it is used. If it is not valid,
	// active connections are made with servers on Remote's own host only.
	ActiveAddress netip.Addr

	// ReplyNetworks are those in which the address that a server's 227 names is
	// dialled, unless it is one of the loopback or unspecified. Elsewhere, and by
	// default, it is the host of the control connection.
	ReplyNetworks []netip.Prefix

	// ForeignPorts passes on a PORT or EPRT that names another address than the
	// client's, unchanged, for transfers between two servers (FXP, RFC 959,
	// 5.2). Otherwise such a command is refused.
	ForeignPorts bool

	DialTimeout  time.Duration // bounds each dial and remote listen; if zero, 30 seconds
	DataTimeout  time.Duration // bounds how long a data listener waits for its first connection; if zero, 5 minutes
	LoginTimeout time.Duration // bounds how long a client takes to log in; if zero, 5 minutes, as with most servers

	// DrainTimeout bounds how long a session may continue once Serve's context
	// is done: sessions that move data, or whose client has ended its side, have
	// that long to finish. If zero, they are closed at once.
	DrainTimeout time.Duration

	// Observe, if not nil, is called with what happens. It must not block.
	// Sessions call it concurrently.
	Observe func(Event)

	methods  methodCache
	mu       sync.Mutex
	sessions map[*session]struct{}
}

// A Route leads to an FTP server: the control connection, which the session
// closes, and the network that its data connections take.
type Route struct {
	Conn    net.Conn
	Network Network
	Gateway string // names the route in events

	// Key is equal for routes that reach a server in the same way: what a
	// session has learned about a server holds for them all. If empty, it is
	// Gateway.
	Key string
}

func (r Route) key() string { return cmp.Or(r.Key, r.Gateway) }

// sessionIDs counts sessions, so that an ID is unique in the process.
var sessionIDs atomic.Int64

var errTooMany = errors.New("too many clients are connected")

func (f *Forwarder) dialTimeout() time.Duration { return cmp.Or(f.DialTimeout, 30*time.Second) }
func (f *Forwarder) dataTimeout() time.Duration { return cmp.Or(f.DataTimeout, 5*time.Minute) }
func (f *Forwarder) loginTimeout() time.Duration {
	return cmp.Or(f.LoginTimeout, 5*time.Minute)
}

// connect makes the control connection to server.
func (f *Forwarder) connect(ctx context.Context, server string) (Route, error) {
	if f.Connect != nil {
		return f.Connect(ctx, server)
	}
	conn, err := f.Remote.DialContext(ctx, "tcp", server)
	return Route{Conn: conn, Network: f.Remote}, err
}

// followsReply reports whether data connections go to an address that a server
// names in a 227. They never go to the far end's own loopback: that of the
// control connection's host is dialled by its name.
func (f *Forwarder) followsReply(address netip.Addr) bool {
	address = address.Unmap()
	if address.IsLoopback() || address.IsUnspecified() {
		return false
	}
	return slices.ContainsFunc(f.ReplyNetworks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// Serve accepts control connections from l and forwards each in a session of
// its own. It closes l and returns when ctx is done or accepting fails, after
// every session has ended; the error is nil if ctx was the cause. When ctx is
// done, clients receive a 421 as soon as [Forwarder.DrainTimeout] allows. Serve
// may be called several times at once, with different listeners.
func (f *Forwarder) Serve(ctx context.Context, l net.Listener) error {
	if f.Server != "" {
		if _, _, err := net.SplitHostPort(f.Server); err != nil {
			_ = l.Close()
			return fmt.Errorf("FTP server %q: %w", f.Server, err)
		}
	}
	var clients atomic.Int64
	ctx, cancel := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer func() {
		if stop() {
			_ = l.Close()
		}
	}()
	for {
		conn, err := accept(ctx, l)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		id := sessionIDs.Add(1)
		sessions.Go(func() {
			owner, err := f.checkOwner(conn, f.Users)
			if err != nil {
				f.reject(ctx, id, conn, err)
				return
			}
			n := clients.Add(1)
			if f.MaxClients > 0 && n > int64(f.MaxClients) {
				clients.Add(-1)
				f.reject(ctx, id, conn, errTooMany)
				return
			}
			defer clients.Add(-1)
			s := newSession(f, id, conn, owner)
			defer f.enlist(s)()
			s.run(ctx, conn)
		})
	}
}

// accept waits for the next connection. When the process has run out of
// descriptors, or the client is gone already, it tries again, at growing
// intervals.
func accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		conn, err := l.Accept()
		var temporary interface{ Temporary() bool }
		if err == nil || errors.Is(err, net.ErrClosed) || !errors.As(err, &temporary) || !temporary.Temporary() {
			return conn, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
