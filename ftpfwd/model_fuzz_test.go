package ftpfwd

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzModel lets a client and a server that keep to the protocol talk, each as
// the bytes say, and compares what either hears with what a model of the
// forwarder says that it must.
func FuzzModel(f *testing.F) {
	// What the bytes mean is dense: any of them are a conversation.
	for seed := range uint64(120) {
		chance := rand.New(rand.NewPCG(seed, 0))
		b := make([]byte, seed) // the longer, the more steps
		for i := range b {
			b[i] = byte(chance.Uint32())
		}
		if seed%2 == 0 && seed > 0 {
			b[1] = 0 // a server that refuses nothing
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			c := newConversation(t, newPlan(t, b))
			c.talk()
			c.check()
		})
	})
}

// A conversation is a client and a server with a forwarder between them.
type conversation struct {
	*rig
	plan          *plan
	client        *modelClient
	server        *modelServer
	local, remote *recorded
	cut           bool // one side, or the network, ends it before its time
	lost          bool // the network fails
	stopped       chan struct{}
	stopServing   func()
}

// recorded keeps where its network was asked to dial and listen.
type recorded struct {
	Network
	mu       sync.Mutex
	dialled  []string
	listened map[uint16]bool
}

func (n *recorded) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialled = append(n.dialled, address)
	n.mu.Unlock()
	return n.Network.DialContext(ctx, network, address)
}

func (n *recorded) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := n.Network.Listen(ctx, network, address)
	if err == nil {
		n.mu.Lock()
		n.listened[addrOf(l.Addr()).Port()] = true
		n.mu.Unlock()
	}
	return l, err
}

func newConversation(t *testing.T, p *plan) *conversation {
	c := &conversation{plan: p}
	c.rig = newRig(t, func(r *rig) {
		c.local = &recorded{Network: r.near, listened: make(map[uint16]bool)}
		c.remote = &recorded{Network: resolving{r.far}, listened: make(map[uint16]bool)}
		r.forwarder.Local, r.forwarder.Remote, r.forwarder.ServerMode = c.local, c.remote, p.mode
		r.forwarder.LoginTimeout = 24 * time.Hour // nobody logs in
	})
	c.stopServing = c.stop
	at := "127.0.0.1:2121"
	if p.ipv6 {
		at = "[::1]:2121"
		ctx, cancel := context.WithCancel(t.Context())
		l, err := c.near.Listen(ctx, "tcp", at)
		require.NoError(t, err)
		served := make(chan struct{})
		go func() { assert.NoError(t, c.forwarder.Serve(ctx, l)); close(served) }()
		t.Cleanup(func() { cancel(); <-served })
		c.stopServing = func() { cancel(); c.stop() }
	}
	conn, err := c.near.DialContext(t.Context(), "tcp", at)
	require.NoError(t, err)
	c.client = &modelClient{plan: p, network: c.near, conn: conn, changed: make(chan struct{})}
	c.server = &modelServer{plan: p, far: c.far, conn: c.accept(c.controlListener), lines: make(chan string), served: make(map[int]*served), named: make(map[string]bool)}
	return c
}

// talk does what the plan says, and ends everything.
func (c *conversation) talk() {
	client := c.client
	l, err := c.near.Listen(c.t.Context(), "tcp", client.conn.LocalAddr().String())
	require.NoError(c.t, err)
	own := client.wait(l)
	c.stopped = make(chan struct{})
	go c.server.read()
	go func() { c.server.serve(c.t.Context()); close(c.stopped) }()
	client.moves.Go(client.listen)
	for _, st := range c.plan.steps {
		if !c.do(st, own) {
			break
		}
	}
	c.plan.assert(c.cut || client.settle(&step{}), "the client waits for an answer: %d of %d replies", len(client.finals), client.wants)
	c.flushed()
	client.leave()
	<-c.stopped
	advance(lingerAtMost + dataAtMost + farewellAtMost)
}

// flushed lets the transfers that are left come to their end.
func (c *conversation) flushed() {
	if c.cut {
		return
	}
	for _, a := range c.client.asked {
		if m := a.transfer; m != nil {
			c.plan.assert(c.client.await(patience, func() bool { return m.done }), "transfer %q does not end", a.raw)
		}
	}
}

// do does one step, and reports whether there may be another.
func (c *conversation) do(st *step, own *prepared) bool {
	client := c.client
	switch st.do {
	case doSay:
		kind := askedPass
		if parseCommand([]byte(st.line)).verb == "" {
			kind = askedNothing
		}
		client.say(st, kind, st.line)
	case doRefused:
		client.say(st, askedRefused, st.line[4:])
	case doPrepare:
		client.prepare(c.t.Context(), st)
	case doMove:
		return c.move(st, own)
	case doAbort:
		client.settle(st)
		client.say(st, askedAbort, "\xff\xf4\xff\xf2Abor\r\n")
		client.quiet(st)
	case doPause:
		client.flush(st)
		time.Sleep(time.Duration(1+st.tag) * 100 * time.Millisecond)
	case doEnd:
		c.end(st)
		return false
	}
	if st.wait {
		return client.settle(st) && !client.over
	}
	return true
}

// move does a transfer.
func (c *conversation) move(st *step, own *prepared) bool {
	client := c.client
	fresh, alone := st.prepare != "", client.settled()
	if !fresh {
		client.settle(st)
		c.flushed()
	}
	p := client.last
	switch {
	case fresh || (p != nil && !client.reusable):
		if !fresh {
			st.prepare, fresh = "EPSV", true
		}
		p = client.prepare(c.t.Context(), st)
	case p == nil:
		p = own
	}
	if !fresh && st.fault == faultAbsent {
		st.fault = faultNone
	}
	p.drain()
	own.drain()
	if st.restart {
		client.say(st, askedPass, "REST 100\r\n")
	}
	m := &moved{step: st, fresh: fresh, alone: alone && st.wait}
	var conn net.Conn
	early := st.early && p.conns == nil && st.fault != faultAbsent
	if early {
		client.settle(st)
		conn = client.dial(c.t.Context(), p)
	}
	if st.fault == faultAbsent && p.conns != nil && p != own {
		_ = p.listener.Close()
	}
	a := client.say(st, askedMove, st.line)
	a.transfer, m.reply = m, a.reply
	client.moves.Go(func() {
		if !early && st.fault != faultAbsent {
			conn = client.connect(c.t.Context(), p, m)
		}
		client.move(conn, m)
		client.mu.Lock()
		m.done = true
		client.signal()
		client.mu.Unlock()
	})
	if st.fault == faultAbort {
		client.flush(st)
		time.Sleep(st.pace + 50*time.Millisecond)
		client.say(st, askedAbort, "\xff\xf4\xff\xf2Abor\r\n")
		m.aborted = true
		client.quiet(st)
	}
	client.reusable = st.fault == faultNone && !c.plan.oneShot
	if st.wait {
		ok := client.settle(st)
		c.flushed()
		return ok && !client.over
	}
	return true
}

// end ends the session in one of many ways.
func (c *conversation) end(st *step) {
	client := c.client
	switch how := st.segments | int(st.tag)&1<<2; how {
	case 0, 1:
		client.say(st, askedPass, "QUIT\r\n")
		client.settle(st)
		return
	case 2: // close
	case 3:
		client.flush(st)
		_ = closeWrite(client.conn)
		client.await(patience, func() bool { return client.over })
	case 4, 5:
		client.flush(st)
		time.Sleep(40 * time.Millisecond)
		if how == 5 {
			c.lost = true
			c.far.Fail(errLost)
		} else {
			c.stopServing()
		}
		client.await(patience, func() bool { return client.over })
	default:
		client.say(st, askedPass, []string{"SITE KILL\r\n", "SITE KILL 421\r\n"}[how&1])
		client.flush(st)
		client.await(patience, func() bool { return client.over })
	}
	c.cut = true
}
