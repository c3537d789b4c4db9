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

// FuzzModel lets a client and a server that keep to the protocol converse as the
// bytes say, and compares what both receive with a model of the forwarder.
func FuzzModel(f *testing.F) {
	// Any bytes are a conversation.
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
			c.run()
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
	local, remote *recordingNetwork
	interrupted   bool         // the plan ends it early
	sent          map[int]bool // by the tag of the step: uploads that the client had written whole before it left
	stopped       chan struct{}
	stopServing   func()
}

// A recordingNetwork records the addresses that it dials and listens at.
type recordingNetwork struct {
	Network
	mu       sync.Mutex
	dialled  []string
	listened map[uint16]bool
}

func (n *recordingNetwork) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialled = append(n.dialled, address)
	n.mu.Unlock()
	return n.Network.DialContext(ctx, network, address)
}

func (n *recordingNetwork) Listen(ctx context.Context, network, address string) (net.Listener, error) {
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
		c.local = &recordingNetwork{Network: r.near, listened: make(map[uint16]bool)}
		c.remote = &recordingNetwork{Network: resolving{r.far}, listened: make(map[uint16]bool)}
		r.forwarder.Local, r.forwarder.Remote, r.forwarder.ServerMode = c.local, c.remote, p.mode
		r.forwarder.LoginTimeout = 24 * time.Hour // the client does not log in
		if p.ownerGone {
			r.forwarder.Users, r.forwarder.Owner = []string{"ann"}, ownerUnlessEnded
		}
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
	c.server = &modelServer{plan: p, far: c.far, conn: c.accept(c.controlListener), lines: make(chan string, maxServerLines), transfers: make(map[int]*serverTransfer), announced: make(map[string]bool)}
	return c
}

// run does the steps of the plan, and ends everything.
func (c *conversation) run() {
	client := c.client
	l, err := c.near.Listen(c.t.Context(), "tcp", client.conn.LocalAddr().String())
	require.NoError(c.t, err)
	own := client.acceptFrom(l)
	c.stopped = make(chan struct{})
	go c.server.read()
	go func() { c.server.serve(c.t.Context()); close(c.stopped) }()
	client.goroutines.Go(client.readReplies)
	if mode := c.plan.transmission.mode; mode != modeStream {
		st := &step{}
		client.queue(st, classPassed, "MODE "+mode+"\r\n")
		client.awaitReplies(st)
	}
	for _, st := range c.plan.steps {
		if !c.step(st, own) {
			break
		}
	}
	c.plan.assert(c.interrupted || client.awaitReplies(&step{}), "the client waits for a reply: %d of %d replies", len(client.finalCodes), client.expectedReplies)
	c.awaitTransfers()
	client.closeAll()
	<-c.stopped
	advance(lingerAtMost + dataAtMost + farewellAtMost)
}

// awaitTransfers waits until every transfer has ended.
func (c *conversation) awaitTransfers() {
	if c.interrupted {
		return
	}
	for _, a := range c.client.sent {
		if m := a.transfer; m != nil {
			c.plan.assert(c.client.await(modelTimeout, func() bool { return m.done }), "transfer %q does not end", a.raw)
		}
	}
}

// step does one step, and reports whether another may follow.
func (c *conversation) step(st *step, own *clientPath) bool {
	client := c.client
	switch st.action {
	case actSend:
		kind := classPassed
		if parseCommand([]byte(st.line)).verb == "" {
			kind = classEmpty
		}
		client.queue(st, kind, st.line)
	case actRefused:
		client.queue(st, classRefused, st.line[4:])
	case actOpen:
		client.openPath(c.t.Context(), st)
	case actTransfer:
		return c.transfer(st, own)
	case actAbort:
		client.awaitReplies(st)
		client.queue(st, classAbort, "\xff\xf4\xff\xf2Abor\r\n")
		client.awaitABORReplies(st)
	case actPause:
		client.flush(st)
		time.Sleep(time.Duration(1+st.tag) * 100 * time.Millisecond)
	case actEnd:
		c.end(st)
		return false
	}
	if st.wait {
		return client.awaitReplies(st) && !client.ended
	}
	return true
}

// transfer does a transfer.
func (c *conversation) transfer(st *step, own *clientPath) bool {
	client := c.client
	fresh, alone := st.method != "", client.hasAllReplies()
	if !fresh {
		client.awaitReplies(st)
		c.awaitTransfers()
	}
	p := client.lastPath
	var conn net.Conn
	if !fresh {
		conn = client.takeKept()
	}
	switch {
	case conn != nil:
		st.early = false
	case fresh || (p != nil && !client.reusable):
		if !fresh {
			st.method, fresh = "EPSV", true
		}
		p = client.openPath(c.t.Context(), st)
	case p == nil:
		p = own
	}
	if !fresh && st.fault == faultAbsent {
		st.fault = faultNone
	}
	p.resetArrived()
	own.resetArrived()
	if st.restart {
		client.queue(st, classPassed, "REST 100\r\n")
	}
	m := &clientTransfer{step: st, ownPath: fresh, alone: alone && st.wait}
	kept := conn != nil
	early := st.early && p.conns == nil && st.fault != faultAbsent
	if early {
		client.awaitReplies(st)
		conn = client.dial(c.t.Context(), p)
	}
	if st.fault == faultAbsent && p.conns != nil && p != own {
		_ = p.listener.Close()
	}
	a := client.queue(st, classTransfer, st.line)
	a.transfer, m.reply = m, a.reply
	client.goroutines.Go(func() {
		if !early && !kept && st.fault != faultAbsent {
			conn = client.connect(c.t.Context(), p, m)
		}
		client.transferData(conn, p, m)
		client.mu.Lock()
		m.done = true
		client.signal()
		client.mu.Unlock()
	})
	if st.fault == faultAbort {
		client.flush(st)
		time.Sleep(st.pace + 50*time.Millisecond)
		client.queue(st, classAbort, "\xff\xf4\xff\xf2Abor\r\n")
		m.aborted = true
		client.awaitABORReplies(st)
	}
	client.reusable = st.fault == faultNone && !c.plan.oneShot
	if st.wait {
		ok := client.awaitReplies(st)
		c.awaitTransfers()
		return ok && !client.ended
	}
	return true
}

// end ends the session in one of several ways.
func (c *conversation) end(st *step) {
	client := c.client
	if st.leave != leaveNot {
		c.leave(st)
		return
	}
	switch how := st.segments | int(st.tag)&1<<2; how {
	case 0, 1:
		client.queue(st, classPassed, "QUIT\r\n")
		client.awaitReplies(st)
		return
	case 2: // close
	case 3:
		client.flush(st)
		_ = closeWrite(client.conn)
		client.await(modelTimeout, func() bool { return client.ended })
	case 4, 5:
		client.flush(st)
		time.Sleep(40 * time.Millisecond)
		if how == 5 {
			c.far.Fail(errLost)
		} else {
			c.stopServing()
		}
		client.await(modelTimeout, func() bool { return client.ended })
	default:
		client.queue(st, classPassed, []string{"SITE KILL\r\n", "SITE KILL 421\r\n"}[how&1])
		client.flush(st)
		client.await(modelTimeout, func() bool { return client.ended })
	}
	c.interrupted = true
}
