package tunnel

import (
	"net"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// restingForwards returns how many forwards of r rest.
func (r *router) restingForwards() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.forwards {
		if f.state == resting {
			n++
		}
	}
	return n
}

// age makes the forwards that rest older.
func (r *router) age(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.forwards {
		f.since = f.since.Add(-by)
	}
}

// newKeeper returns a tunnel to a server that never releases a port, as Dropbear
// before 2026.90, after the tunnel has learned that. One forward rests.
func newKeeper(t *testing.T, s *sshtest.Server) (*Tunnel, *sshtest.Server, string) {
	t.Helper()
	s.NoCancel = true
	tun, s := newTunnel(t, s)
	l := mustListen(t, tun, "127.0.0.1:0")
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool { return tun.link.router.restingForwards() == 1 }, testTimeout, time.Millisecond)
	return tun, s, l.Addr().String()
}

func listenFails(t *testing.T, tun *Tunnel, address string) {
	t.Helper()
	_, err := tun.Listen(testContext(t), "tcp", address)
	assert.ErrorIs(t, err, errResting)
}

func TestForwardIsUsedAgainOnlyAfterItHasRested(t *testing.T) {
	tun, s, address := newKeeper(t, &sshtest.Server{})
	r := tun.link.router
	for _, more := range []time.Duration{0, restTime - time.Minute, time.Minute / 2} {
		r.age(more)
		other := mustListen(t, tun, "127.0.0.1:0")
		assert.NotEqual(t, address, other.Addr().String())
		require.NoError(t, other.Close())
		listenFails(t, tun, address)
	}

	// Not even if the server grants no more, or has granted many.
	for range maxResting - 4 {
		require.NoError(t, mustListen(t, tun, "127.0.0.1:0").Close())
	}
	listenFails(t, tun, "127.0.0.1:0")
	assert.EqualValues(t, maxResting, s.Forwards.Load())
	assert.Zero(t, s.Refused.Load())

	// Nor for another address.
	mustListen(t, tun, "localhost:0")

	r.age(restTime)
	again := mustListen(t, tun, "127.0.0.1:0")
	assert.Equal(t, address, again.Addr().String(), "the one that has rested the longest")
	checkForward(t, again, address)
	require.NoError(t, again.Close())
	listenFails(t, tun, address)
	r.age(restTime)
	checkForward(t, mustListen(t, tun, address), address)
}

// Everybody who knows a settled listener, and would connect, has done so.
func TestSettledForwardIsUsedAgainEarlyWhereNoOtherIsFree(t *testing.T) {
	tun, s, _ := newKeeper(t, &sshtest.Server{})
	var settled []string
	for i := range maxResting - 1 {
		l := mustListen(t, tun, "127.0.0.1:0")
		if i%2 == 0 {
			l.(*listener).Settle()
			settled = append(settled, l.Addr().String())
		}
		require.NoError(t, l.Close())
	}
	assert.EqualValues(t, maxResting, s.Forwards.Load())
	for _, address := range settled {
		l := mustListen(t, tun, "127.0.0.1:0")
		assert.Equal(t, address, l.Addr().String(), "the one that has rested the longest")
		checkForward(t, l, address)
		require.NoError(t, l.Close())
	}
	listenFails(t, tun, "127.0.0.1:0")

	// Somebody has connected all the same.
	tun, _, _ = newKeeper(t, &sshtest.Server{MostForwards: 2})
	l := mustListen(t, tun, "127.0.0.1:0")
	l.(*listener).Settle()
	require.NoError(t, l.Close())
	soon(t, func() error { return readToEnd(dialHere(t, l.Addr().String())) })
	_, err := tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
	assert.ErrorAs(t, err, new(*OpenError))
	listenFails(t, tun, "127.0.0.1:0")
}

// The connection of somebody whom nobody waits for any more, such as an FTP server
// that was commanded to connect and was slow, never reaches another listener.
func TestLateConnectionMakesForwardRestAnew(t *testing.T) {
	tun, _, address := newKeeper(t, &sshtest.Server{})
	tun.link.router.age(restTime)
	soon(t, func() error { return readToEnd(dialHere(t, address)) })
	listenFails(t, tun, address)
	other := mustListen(t, tun, "127.0.0.1:0")
	assert.NotEqual(t, address, other.Addr().String())
}

func TestFullServerGetsNoMoreRequests(t *testing.T) {
	const most = 3
	tun, s, _ := newKeeper(t, &sshtest.Server{MostForwards: most})
	var held []net.Listener
	for range most - 1 {
		held = append(held, mustListen(t, tun, "127.0.0.1:0"))
	}
	_, err := tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
	assert.ErrorAs(t, err, new(*OpenError))
	for range 5 {
		listenFails(t, tun, "127.0.0.1:0")
		listenFails(t, tun, "127.0.0.1:4021")
	}
	assert.EqualValues(t, 1, s.Refused.Load())
	checkForward(t, held[0], held[0].Addr().String())

	require.NoError(t, held[1].Close())
	tun.link.router.age(restTime)
	for range most - 1 {
		l := mustListen(t, tun, "127.0.0.1:0")
		checkForward(t, l, l.Addr().String())
	}
	listenFails(t, tun, "127.0.0.1:0")
}

// A server that has cancelled a forward may choose its port for the next one.
func TestPortThatServerChoosesAgainTooEarlyIsNotUsed(t *testing.T) {
	checkLeaks(t)
	choice := make(chan uint32, 10)
	cancelled := make(chan uint32, 10)
	s := startMessages(t, func(c *sshtest.MessageConn) {
		for ok := c.Login(); ok; {
			m, err := c.Read()
			if err != nil {
				return
			}
			var r struct {
				Name      string `sshtype:"80"`
				WantReply bool
				Rest      []byte `ssh:"rest"`
			}
			var at bound
			if m[0] != sshtest.GlobalRequest || ssh.Unmarshal(m, &r) != nil {
				continue
			}
			switch _ = ssh.Unmarshal(r.Rest, &at); r.Name {
			case "tcpip-forward":
				err = c.Write(sshtest.RequestSuccess, struct{ Port uint32 }{<-choice})
			case "cancel-tcpip-forward":
				cancelled <- at.Port
				err = c.Write(sshtest.RequestSuccess, nil)
			default:
				err = c.Write(sshtest.RequestFailure, nil)
			}
			ok = err == nil
		}
	})
	tun := mustOpen(t, insecureConfig(messageHop(s)))
	next := func() uint32 { return soon(t, func() uint32 { return <-cancelled }) }
	listen := func(want string, choices ...uint32) net.Listener {
		t.Helper()
		for _, port := range choices {
			choice <- port
		}
		l := mustListen(t, tun, "127.0.0.1:0")
		assert.Equal(t, want, l.Addr().String())
		return l
	}
	require.NoError(t, listen("127.0.0.1:4001", 4001).Close())
	assert.EqualValues(t, 4001, next())
	require.NoError(t, listen("127.0.0.1:4002", 4001, 4002).Close())
	assert.ElementsMatch(t, []uint32{4001, 4002}, []uint32{next(), next()})

	for range maxEarly {
		choice <- 4002
	}
	listenFails(t, tun, "127.0.0.1:0")
	for range maxEarly {
		assert.EqualValues(t, 4002, next())
	}

	r := tun.link.router
	r.mu.Lock()
	for port := range r.left {
		r.left[port] = r.left[port].Add(-restTime)
	}
	r.mu.Unlock()
	listen("127.0.0.1:4001", 4001)
}

// A bound is the address in requests about a forward.
type bound struct {
	Host string
	Port uint32
}
