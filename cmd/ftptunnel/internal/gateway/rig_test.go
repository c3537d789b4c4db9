package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/internal/test/memnet"
	"example.org/ftptunnel/tunnel"
)

const ftpServer = "127.0.0.1:21"

// errAuth is an error that trying again does not change.
var errAuth = &tunnel.HopError{Op: "authenticate", Err: &tunnel.AuthError{}}

// A rig is a pool of gateways to fake hosts, in front of one FTP server.
type rig struct {
	t       *testing.T
	pool    *Pool
	hosts   map[string]*sshHost
	network memnet.Network
	greets  string // what the FTP server sends

	mu     sync.Mutex
	config map[string]string // HostName by gateway
	events []events.Event
	served int // connections to the FTP server
	read   int // how often the ssh configuration was read
	places int // clients that it serves at the same time; 0 for any number
	taken  int
}

// inBubble runs test with a rig of the named gateways, on a clock of its own.
func inBubble(t *testing.T, names []string, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, hosts: map[string]*sshHost{}, config: map[string]string{}, greets: "220 ready\r\n"}
		for _, name := range names {
			r.config[name] = name
			r.hosts[name] = &sshHost{}
		}
		r.pool = NewPool(r.resolve, r.open, r.publish)
		l, err := r.network.Listen(t.Context(), "tcp", ftpServer)
		require.NoError(t, err)
		var server sync.WaitGroup
		server.Go(func() { r.serve(l, &server) })
		test(r)
		r.pool.Close()
		for name, h := range r.hosts {
			_, now := h.opened()
			require.Zero(t, now, "Close left a connection to %s", name)
		}
		require.NoError(t, l.Close())
		server.Wait()
	})
}

// serve is the FTP server.
func (r *rig) serve(l net.Listener, server *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.served++
		full := r.places > 0 && r.taken == r.places
		if !full {
			r.taken++
		}
		r.mu.Unlock()
		server.Go(func() {
			defer conn.Close()
			if full {
				_, _ = io.WriteString(conn, "421 too many users\r\n")
				return
			}
			_, _ = io.WriteString(conn, r.greets)
			for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != "QUIT"; {
			}
			time.Sleep(freesAfter)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.taken--
		})
	}
}

// freesAfter is how long the FTP server takes to free the place of a client that
// has left; it closes the connection then.
const freesAfter = 300 * time.Millisecond

func (r *rig) resolve(_ context.Context, d Destination) ([]tunnel.Hop, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read++
	name := d.Name
	host := r.config[name]
	if host == "" {
		return nil, errors.New("bad configuration of " + name)
	}
	return []tunnel.Hop{{Alias: name, HostName: host}}, nil
}

func (r *rig) open(ctx context.Context, _ string, hops []tunnel.Hop) (Tunnel, error) {
	h := r.hosts[hops[0].HostName]
	if h.connects != nil {
		if err := h.connects(ctx); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down != nil {
		return nil, h.down
	}
	t := &fakeTunnel{Network: &r.network, host: h, done: make(chan struct{})}
	h.tunnels = append(h.tunnels, t)
	return t, nil
}

func (r *rig) publish(e events.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Time = time.Now()
	r.events = append(r.events, e)
}

// published returns the gateways that events of a kind were about.
func (r *rig) published(kind events.Kind) (gateways []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			gateways = append(gateways, e.Gateway)
		}
	}
	return gateways
}

// connections returns how many connections the FTP server has had.
func (r *rig) connections() int {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.served
}

func (r *rig) group(names ...string) *Group {
	r.t.Helper()
	g, err := r.pool.Group(r.t.Context(), destinations(names...), []string{ftpServer})
	require.NoError(r.t, err)
	return g
}

func destinations(names ...string) (ds []Destination) {
	for _, name := range names {
		ds = append(ds, Destination{Name: name})
	}
	return ds
}

// probed returns a group that has chosen a gateway, and has a spare.
func (r *rig) probed(names ...string) *Group {
	r.t.Helper()
	g := r.group(names...)
	require.NoError(r.t, g.Choose(r.t.Context()))
	return g
}

// chosen returns a group that has chosen a gateway, and whose spare was used.
func (r *rig) chosen(names ...string) *Group {
	r.t.Helper()
	g := r.probed(names...)
	r.through(g)
	return g
}

// A client is a session through a gateway.
type client struct {
	net.Conn
	network any
	gateway string
}

// client connects through the gateway that g picks, and reads the greeting.
func (r *rig) client(g *Group) *client {
	r.t.Helper()
	route, err := g.Connect(r.t.Context(), ftpServer)
	require.NoError(r.t, err)
	greeting := make([]byte, len(r.greets))
	_, err = io.ReadFull(route.Conn, greeting)
	require.NoError(r.t, err)
	require.Equal(r.t, r.greets, string(greeting))
	return &client{route.Conn, route.Network, route.Gateway}
}

// through returns the gateway that a client is connected through, and ends the
// session.
func (r *rig) through(g *Group) string {
	r.t.Helper()
	c := r.client(g)
	require.NoError(r.t, c.Close())
	return c.gateway
}

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func current(g *Group) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current == nil {
		return ""
	}
	return g.current.name
}

// drops makes a host's connections fail with err, and new ones too.
func (r *rig) drops(name string, err error) {
	r.hosts[name].set(func(h *sshHost) { h.down = err })
}

// isConnected reports whether there is a connection to a host.
func (r *rig) isConnected(name string) bool {
	synctest.Wait()
	_, now := r.hosts[name].opened()
	return now > 0
}

// loses ends a host's connections for good.
func (r *rig) loses(name string, err error) {
	h := r.hosts[name]
	h.mu.Lock()
	tunnels := slices.Clone(h.tunnels)
	h.mu.Unlock()
	for _, t := range tunnels {
		t.end(err)
	}
	synctest.Wait()
}
