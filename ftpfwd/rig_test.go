package ftpfwd

import (
	"context"
	"errors"
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

// A rig is a forwarder between two networks in memory, and both ends of a control
// connection through it. The far network has no resets, like SSH. Time is
// synthetic: it advances when every goroutine waits.
type rig struct {
	t               *testing.T // of the synctest bubble
	forwarder       *Forwarder
	near, far       *memnet.Network
	controlListener net.Listener // of the server
	client          *peer
	server          *peer
	stop            context.CancelFunc // ends Serve
	listeners       []net.Listener     // that close closes

	mu       sync.Mutex
	observed []Event
}

var errLost = errors.New("connection lost")

// withRig runs test with a rig whose client has received the greeting. It then
// checks that every connection and listener is closed; synctest checks that no
// goroutine is left. Inside test, use r.t instead of t.
func withRig(t *testing.T, test func(r *rig), options ...func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, options...)
		r.connect()
		r.server.send("220 ready")
		r.client.expect("220 ready")
		test(r)
		r.close()
	})
}

func newRig(t *testing.T, options ...func(*rig)) *rig {
	r := &rig{t: t, near: &memnet.Network{}, far: &memnet.Network{Resetless: true, FirstPort: 30000}}
	r.forwarder = &Forwarder{Server: "localhost:21", Remote: resolving{r.far}, Local: r.near, Observe: r.observe}
	for _, o := range options {
		o(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	l, err := r.near.Listen(ctx, "tcp", "127.0.0.1:2121")
	require.NoError(t, err)
	r.controlListener, err = r.far.Listen(ctx, "tcp", "127.0.0.1:21")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- r.forwarder.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); assert.NoError(t, <-served) })
	return r
}

// resolving is a network that resolves localhost, as a gateway does.
type resolving struct{ *memnet.Network }

func (n resolving) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.Network.DialContext(ctx, network, strings.Replace(address, "localhost", "127.0.0.1", 1))
}

// connect opens a control connection from the client to the server.
func (r *rig) connect() {
	r.client = r.connectClient()
	r.server = newPeer(r.t, "server", r.accept(r.controlListener))
}

// connectClient opens a control connection from the client.
func (r *rig) connectClient() *peer {
	return newPeer(r.t, "client", r.clientDials("127.0.0.1:2121"))
}

// openSecond opens another session of the same forwarder.
func (r *rig) openSecond() (client, server *peer) {
	client = r.connectClient()
	server = newPeer(r.t, "second server", r.accept(r.controlListener))
	client.name = "second client"
	server.send("220 ready")
	client.expect("220 ready")
	return client, server
}

// close ends the control connections and checks that everything is closed.
func (r *rig) close() {
	_ = r.client.conn.Close()
	_ = r.server.conn.Close()
	for _, l := range r.listeners {
		_ = l.Close()
	}
	r.stop()
	synctest.Wait()
	_ = r.controlListener.Close()
	near, _ := r.near.Open()
	far, _ := r.far.Open()
	assert.Zero(r.t, near, "open listeners on the client's side")
	assert.Zero(r.t, far, "open listeners on the server's side")
}

func (r *rig) observe(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observed = append(r.observed, e)
}

// events returns the events of a kind so far.
func (r *rig) events(kind EventKind) (events []Event) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.observed {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

// endedTransfers returns the transfers that have ended. It waits as long as the
// report of a success can take.
func (r *rig) endedTransfers() (transfers []Transfer) {
	advance(readAtMost)
	for _, e := range r.events(TransferEnded) {
		transfers = append(transfers, e.Transfer)
	}
	return transfers
}

// endedTransfer returns the only transfer that has ended.
func (r *rig) endedTransfer() Transfer {
	r.t.Helper()
	ended := r.endedTransfers()
	require.Len(r.t, ended, 1)
	return ended[0]
}

// openListeners returns how many listeners are open on the client's and on the
// server's side, apart from the control listeners.
func (r *rig) openListeners() (near, far int) {
	synctest.Wait()
	near, _ = r.near.Open()
	far, _ = r.far.Open()
	return near - 1, far - 1
}

// exchange sends a command to the server and its reply to the client. Neither is
// changed on the way.
func (r *rig) exchange(command, reply string) {
	r.t.Helper()
	r.client.send(command)
	r.server.expect(command)
	r.server.send(reply)
	r.client.expect(reply)
}

// login logs the client in.
func (r *rig) login() { r.exchange("USER bob", "230 logged in") }

// refuse receives commands at the server, in this order, and refuses each.
func (r *rig) refuse(verbs ...string) {
	r.t.Helper()
	for _, verb := range verbs {
		require.Equal(r.t, verb, parseCommand([]byte(r.server.receive())).verb)
		r.server.send("502 " + verb + " is not implemented")
	}
}

// startTransfer sends a transfer command, and the server's 150.
func (r *rig) startTransfer(command string) {
	r.t.Helper()
	r.exchange(command, "150 opening the data connection")
}

// advance lets synthetic time pass.
func advance(d time.Duration) { <-time.After(d) }
