package ftpfwd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/memnet"
)

// A rig is a forwarder between two networks in memory, a client's control
// connection to it, and the server's end of it. The far network knows no
// resets, as SSH. Time is synthetic: it passes when all else waits.
type rig struct {
	t            *testing.T
	forwarder    *Forwarder
	near, far    *memnet.Network
	serverListen net.Listener
	client       *line
	server       *line
	stop         context.CancelFunc
	opened       []net.Listener // to be closed at the end

	mu     sync.Mutex
	events []Event
}

var errLost = errors.New("connection lost")

// withRig runs test with a rig whose greeting has passed, and checks afterwards
// that nothing is left. (That no goroutine is, synctest checks.)
func withRig(t *testing.T, test func(r *rig), options ...func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, options...)
		r.connect()
		r.server.say("220 ready")
		r.client.hear("220 ready")
		test(r)
		r.close()
	})
}

func newRig(t *testing.T, options ...func(*rig)) *rig {
	r := &rig{t: t, near: &memnet.Network{}, far: &memnet.Network{Resetless: true, FirstPort: 30000}}
	r.forwarder = &Forwarder{Server: "localhost:21", Remote: named{r.far}, Local: r.near, Observe: r.observe}
	for _, o := range options {
		o(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	l, err := r.near.Listen(ctx, "tcp", "127.0.0.1:2121")
	require.NoError(t, err)
	r.serverListen, err = r.far.Listen(ctx, "tcp", "127.0.0.1:21")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- r.forwarder.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); assert.NoError(t, <-served) })
	return r
}

// named resolves localhost, as a gateway would.
type named struct{ *memnet.Network }

func (n named) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.Network.DialContext(ctx, network, strings.Replace(address, "localhost", "127.0.0.1", 1))
}

func (r *rig) observe(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// told returns the events of a kind.
func (r *rig) told(kind EventKind) (events []Event) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

// ended returns the transfers that have ended. None is reported later than this.
func (r *rig) ended() (transfers []Transfer) {
	pass(readAtMost)
	for _, e := range r.told(TransferEnded) {
		transfers = append(transfers, e.Transfer)
	}
	return transfers
}

// transfer returns the only transfer that has ended.
func (r *rig) transfer() Transfer {
	ended := r.ended()
	require.Len(r.t, ended, 1)
	return ended[0]
}

func (r *rig) connect() {
	conn, err := r.near.DialContext(r.t.Context(), "tcp", "127.0.0.1:2121")
	require.NoError(r.t, err)
	r.client = newLine(r.t, "client", conn)
	r.server = newLine(r.t, "server", r.accept(r.serverListen))
}

func (r *rig) accept(l net.Listener) net.Conn {
	c, err := l.Accept()
	require.NoError(r.t, err)
	return c
}

// close ends the control connections and checks that all was closed.
func (r *rig) close() {
	_ = r.client.conn.Close()
	_ = r.server.conn.Close()
	for _, l := range r.opened {
		_ = l.Close()
	}
	r.stop()
	synctest.Wait()
	_ = r.serverListen.Close()
	near, _ := r.near.Open()
	far, _ := r.far.Open()
	assert.Zero(r.t, near, "listeners left on the client's side")
	assert.Zero(r.t, far, "listeners left on the server's side")
}

// login logs the client in.
func (r *rig) login() {
	r.client.say("USER bob")
	r.server.hear("USER bob")
	r.server.say("230 in")
	r.client.hear("230 in")
}

// epsv does EPSV with a server that listens on port, and returns where the
// client is to connect.
func (r *rig) epsv(port string) string {
	r.client.say("EPSV")
	r.server.hear("EPSV")
	r.server.say("229 Extended (|||" + port + "|)")
	heard := r.client.line()
	start, end := findExtendedPort(heard)
	require.Positive(r.t, start, heard)
	require.NotEqual(r.t, port, heard[start:end], "the port was not rewritten")
	return "127.0.0.1:" + heard[start:end]
}

// declines lets the server refuse commands, which it hears in this order.
func (r *rig) declines(verbs ...string) {
	r.t.Helper()
	for _, verb := range verbs {
		require.Equal(r.t, verb, parseCommand([]byte(r.server.line())).verb)
		r.server.say("502 " + verb + " is not implemented")
	}
}

// passive does EPSV and returns the client's data connection and the server's.
func (r *rig) passive() (client, server net.Conn) {
	l, err := r.far.Listen(r.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	client, err = r.near.DialContext(r.t.Context(), "tcp", r.epsv(port))
	require.NoError(r.t, err)
	return client, r.accept(l)
}

// active does PORT and returns the client's data listener and the address
// that the server heard.
func (r *rig) active() (l net.Listener, heard string) {
	l, err := r.near.Listen(r.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	said := "PORT " + formatHostPort(addrOf(l.Addr()))
	r.client.say(said)
	line := r.server.line()
	require.NotEqual(r.t, said, line, "the address was not rewritten")
	at, err := parseHostPort(strings.TrimPrefix(line, "PORT "))
	require.NoError(r.t, err)
	r.server.say("200 PORT ok")
	r.client.hear("200 PORT ok")
	return l, at.String()
}

// A line is one end of a control connection.
type line struct {
	t    *testing.T
	name string
	conn net.Conn
	in   *bufio.Reader
}

func newLine(t *testing.T, name string, conn net.Conn) *line {
	return &line{t, name, conn, bufio.NewReader(conn)}
}

func (l *line) say(lines ...string) { l.raw(strings.Join(lines, "\r\n") + "\r\n") }

func (l *line) raw(bytes string) {
	_, err := io.WriteString(l.conn, bytes)
	require.NoError(l.t, err, "%s says %q", l.name, bytes)
}

func (l *line) hear(lines ...string) {
	l.t.Helper()
	for _, want := range lines {
		require.Equal(l.t, want, l.line(), "%s hears", l.name)
	}
}

func (l *line) line() string {
	l.t.Helper()
	s, err := l.in.ReadString('\n')
	require.NoError(l.t, err, "%s reads after %q", l.name, s)
	require.True(l.t, strings.HasSuffix(s, "\r\n"), "%s hears %q", l.name, s)
	return strings.TrimSuffix(s, "\r\n")
}

// hearBytes reads just as many bytes as want has.
func (l *line) hearBytes(want string) {
	l.t.Helper()
	b := make([]byte, len(want))
	_, err := io.ReadFull(l.in, b)
	require.NoError(l.t, err)
	require.Equal(l.t, want, string(b), "%s hears", l.name)
}

// silent checks that nothing can be heard once all else waits.
func (l *line) silent() {
	l.t.Helper()
	synctest.Wait()
	waiting := l.in.Buffered() + l.conn.(interface{ Buffered() int }).Buffered()
	require.Zero(l.t, waiting, "%s hears something too early", l.name)
}

// over checks that the connection ends, without a word and without a failure.
func (l *line) over() {
	l.t.Helper()
	_, err := l.in.ReadByte()
	require.ErrorIs(l.t, err, io.EOF, "%s", l.name)
}

// pass lets synthetic time pass.
func pass(d time.Duration) { <-time.After(d) }

func readAll(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(b)
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
}

// carry writes text to one end and reads it at the other.
func carry(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	write(t, from, text)
	b := make([]byte, len(text))
	_, err := io.ReadFull(to, b)
	require.NoError(t, err)
	require.Equal(t, text, string(b))
}

func closeWriteOf(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
}
