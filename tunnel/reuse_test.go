package tunnel

import (
	"net"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Dropbear before 2026.90 never releases a port.
func TestForwardThatCannotBeCancelledIsReused(t *testing.T) {
	tun, s := newTunnel(t, &sshtest.Server{NoCancel: true})
	r := tun.link.router
	idle := func() (n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range r.forwards {
			if !f.idleSince.IsZero() {
				n++
			}
		}
		return n
	}
	age := func(by time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range r.forwards {
			f.idleSince = f.idleSince.Add(-by)
		}
	}
	first := mustListen(t, tun, "127.0.0.1:0")
	address := first.Addr().String()
	first.Close()
	require.Eventually(t, func() bool { return idle() == 1 }, testTimeout, time.Millisecond)

	// Connections to a released forward are closed.
	soon(t, func() error { return readToEnd(dialHere(t, address)) })

	// It is not reused at once, nor for another address.
	second := mustListen(t, tun, "127.0.0.1:0")
	assert.NotEqual(t, address, second.Addr().String())
	second.Close()
	age(reuseAfter)
	mustListen(t, tun, "localhost:0")
	third := mustListen(t, tun, "127.0.0.1:0")
	assert.Equal(t, address, third.Addr().String(), "the one that has been idle the longest")
	checkForward(t, third, address)
	third.Close()

	// A port that is requested by number is reused at once.
	fourth := mustListen(t, tun, address)
	checkForward(t, fourth, address)
	fourth.Close()

	// The number of forwards is bounded.
	for range 2 * maxIdle {
		l := mustListen(t, tun, "127.0.0.1:0")
		require.NoError(t, l.Close())
	}
	assert.LessOrEqual(t, s.Forwards.Load(), int64(maxIdle+2))
}

func TestFullServerGetsNoMoreRequests(t *testing.T) {
	tun, s := newTunnel(t, &sshtest.Server{NoCancel: true, MostForwards: 3})
	for range 10 {
		l := mustListen(t, tun, "127.0.0.1:0")
		checkForward(t, l, l.Addr().String())
		require.NoError(t, l.Close())
	}
	held := []net.Listener{mustListen(t, tun, "127.0.0.1:0"), mustListen(t, tun, "127.0.0.1:0"), mustListen(t, tun, "127.0.0.1:0")}
	for range 5 {
		_, err := tun.Listen(t.Context(), "tcp", "127.0.0.1:0")
		assert.ErrorAs(t, err, new(*OpenError))
	}
	require.NoError(t, held[0].Close())
	checkForward(t, held[1], held[1].Addr().String())
	mustListen(t, tun, "127.0.0.1:0")
	assert.EqualValues(t, 1, s.Refused.Load())
}
