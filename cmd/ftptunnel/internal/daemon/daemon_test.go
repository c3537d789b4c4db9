package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/config"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/tunnel"
)

// A direct connection stands for a gateway on this host.
type direct struct {
	net.Dialer
	net.ListenConfig
	closed chan struct{}
	once   sync.Once
}

func (d *direct) Ready(context.Context) error { return nil }
func (d *direct) Done() <-chan struct{}       { return d.closed }
func (d *direct) Err() error                  { return tunnel.ErrClosed }
func (d *direct) RemoteAddr() net.Addr        { return nil }
func (d *direct) Close() error                { d.once.Do(func() { close(d.closed) }); return nil }

// A rig is a daemon whose gateways are on this host.
type rig struct {
	*Daemon
	t      *testing.T
	ctx    context.Context
	server string

	mu     sync.Mutex
	opened map[string]int // connections by gateway
	down   map[string]error
	events []events.Event
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, server: ftptest.Start(t, &ftptest.Server{}, "127.0.0.1"), opened: map[string]int{}, down: map[string]error{}}
	pool := gateway.NewPool(r.resolve, r.open, r.publish)
	pool.Lasting = true
	r.Daemon = &Daemon{Pool: pool, Publish: r.publish}
	ctx, stop := context.WithCancel(t.Context())
	r.ctx = ctx
	var ended sync.WaitGroup
	ended.Go(func() { r.Wait(ctx, nil) })
	t.Cleanup(func() {
		stop()
		ended.Wait()
	})
	return r
}

func (r *rig) resolve(_ context.Context, d gateway.Destination) ([]tunnel.Hop, error) {
	if strings.Contains(d.Name, "wrong") {
		return nil, errors.New("wrong configuration of " + d.Name)
	}
	return []tunnel.Hop{{Alias: d.Name}}, nil
}

func (r *rig) open(_ context.Context, name string, _ []tunnel.Hop) (gateway.Tunnel, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.down[name]; err != nil {
		return nil, err
	}
	r.opened[name]++
	return &direct{closed: make(chan struct{})}, nil
}

func (r *rig) publish(e events.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// published returns the tunnels of the events of a kind.
func (r *rig) published(kind events.Kind) (tunnels []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			tunnels = append(tunnels, e.Tunnel)
		}
	}
	return tunnels
}

// tunnel returns the configuration of one with a port of its own.
func (r *rig) tunnel(name, gateway string, change ...func(*settings.Input)) config.Tunnel {
	r.t.Helper()
	in := settings.Defaults()
	in.Gateway, in.Server, in.Listen = gateway, r.server, []string{"127.0.0.1:0"}
	for _, c := range change {
		c(&in)
	}
	s, err := in.Parse(settings.DefaultListen)
	require.NoError(r.t, err)
	return config.Tunnel{Name: name, Settings: s}
}

func clients(n int) func(*settings.Input) { return func(in *settings.Input) { in.MaxClients = n } }

func (r *rig) apply(tunnels ...config.Tunnel) {
	r.t.Helper()
	require.NoError(r.t, r.Apply(r.ctx, tunnels))
}

// ports returns the address of each tunnel's port.
func (r *rig) ports() map[string]string {
	at := map[string]string{}
	r.Listeners(func(name string, l forward.Listener) { at[name] = l.Address().String() })
	return at
}

// A client is a session at a port.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// connect connects to a tunnel's port and returns the first reply.
func (r *rig) connect(name string) (*client, string) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.ports()[name])
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(r.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	c := &client{r.t, conn, bufio.NewReader(conn)}
	return c, c.reply()
}

func (c *client) reply() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	require.NoError(c.t, err)
	return line
}

func (c *client) command(line string) string {
	c.t.Helper()
	_, err := fmt.Fprintf(c.conn, "%s\r\n", line)
	require.NoError(c.t, err)
	return c.reply()
}

func TestTunnelsOfOneGatewayShareItsConnection(t *testing.T) {
	r := newRig(t)
	r.apply(r.tunnel("a", "gw"), r.tunnel("b", "gw"), r.tunnel("c", "gw", func(in *settings.Input) { in.SSH.Port = 2222 }))
	for _, name := range []string{"a", "b", "c"} {
		_, greeting := r.connect(name)
		assert.True(t, strings.HasPrefix(greeting, "220"), greeting)
	}
	assert.Equal(t, map[string]int{"gw": 1, "gw -p 2222": 1}, r.opened)
	assert.Empty(t, r.published(events.TunnelAdded), "at the start none is news")
}

func TestApplyLeavesUnchangedTunnelsAlone(t *testing.T) {
	r := newRig(t)
	r.apply(r.tunnel("a", "gw"), r.tunnel("b", "gw"))
	ports := r.ports()
	unchanged, _ := r.connect("a")
	changed, _ := r.connect("b")

	r.apply(r.tunnel("a", "gw"), r.tunnel("b", "gw", clients(7)), r.tunnel("c", "gw2"))
	assert.Equal(t, "200", unchanged.command("NOOP")[:3])
	assert.Equal(t, "421", changed.reply()[:3], "its sessions end")
	after := r.ports()
	assert.Equal(t, ports["a"], after["a"])
	assert.Equal(t, ports["b"], after["b"], "the port is handed over")
	assert.NotEqual(t, after["b"], after["c"], "to its successor only")
	_, greeting := r.connect("b")
	assert.Equal(t, "220", greeting[:3])
	assert.Equal(t, []string{"b"}, r.published(events.TunnelChanged))
	assert.Equal(t, []string{"c"}, r.published(events.TunnelAdded))
	assert.Empty(t, r.published(events.TunnelRemoved))

	r.apply(r.tunnel("c", "gw2"), r.tunnel("a", "gw"))
	assert.Equal(t, []string{"b"}, r.published(events.TunnelRemoved))
	assert.Equal(t, "200", unchanged.command("NOOP")[:3])
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", after["b"])
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 20*time.Second, time.Millisecond, "its port closes")
	assert.Len(t, r.ports(), 2)

	r.apply(r.tunnel("a", "gw"), r.tunnel("c", "gw2"))
	assert.Len(t, r.published(events.FileUnchanged), 1, "another order is no change")
}

func TestNoClientIsRefusedWhileItsPortIsHandedOver(t *testing.T) {
	r := newRig(t)
	r.apply(r.tunnel("a", "gw"))
	at := r.ports()["a"]
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-stop:
				return
			default:
			}
			conn, err := net.Dial("tcp", at)
			if err != nil {
				failed <- err
				return
			}
			_ = conn.Close()
		}
	}()
	for i := range 100 {
		r.apply(r.tunnel("a", "gw", clients(i+1)))
	}
	close(stop)
	assert.NoError(t, <-failed)
}

func TestApplyOfWhatCannotBeUsedChangesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	r := newRig(t)
	r.apply(r.tunnel("a", "gw"))
	ports := r.ports()
	c, _ := r.connect("a")
	err = r.Apply(r.ctx, []config.Tunnel{r.tunnel("new", "gw9"), r.tunnel("b", "gw", func(in *settings.Input) { in.Listen = []string{taken.Addr().String()} })})
	assert.ErrorAs(t, err, new(*forward.ListenError))
	assert.ErrorContains(t, err, "tunnel b: ")
	err = r.Apply(r.ctx, []config.Tunnel{r.tunnel("a", "gw", clients(7)), r.tunnel("b", "wrong")})
	assert.EqualError(t, err, "tunnel b: wrong configuration of wrong")
	assert.Equal(t, ports, r.ports())
	assert.Equal(t, "200", c.command("NOOP")[:3])
	assert.Equal(t, map[string]int{"gw": 1}, r.opened)
}

func TestClientOfGatewayThatIsDownGetsTheReason(t *testing.T) {
	r := newRig(t)
	r.mu.Lock()
	r.down["gw"] = &tunnel.HopError{Op: "dial", Err: errors.New("connection refused")}
	r.mu.Unlock()
	r.apply(r.tunnel("a", "gw"), r.tunnel("b", "gw2"))
	_, first := r.connect("a")
	assert.Equal(t, "421", first[:3])
	assert.Contains(t, first, "connection refused")
	_, other := r.connect("b")
	assert.Equal(t, "220", other[:3])
	r.mu.Lock()
	delete(r.down, "gw")
	r.mu.Unlock()
	_, next := r.connect("a")
	assert.Equal(t, "220", next[:3])
}
