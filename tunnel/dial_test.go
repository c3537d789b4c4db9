package tunnel

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenErrorShowsWhetherForwardingIsProhibited(t *testing.T) {
	tun, _ := newTunnel(t, &sshtest.Server{})
	var e *OpenError
	_, err := tun.DialContext(testContext(t), "tcp", "127.0.0.1:1")
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Prohibited)
	assert.ErrorContains(t, e, "refused")

	tun, _ = newTunnel(t, &sshtest.Server{NoForwarding: true})
	_, err = tun.DialContext(testContext(t), "tcp", "127.0.0.1:1")
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Prohibited)
	_, err = tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Listen)
}

func TestDialSendsHostUnchanged(t *testing.T) {
	address := serve(t, echo)
	var mu sync.Mutex
	var asked []string
	tun, _ := newTunnel(t, &sshtest.Server{Resolve: func(a string) string {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, a)
		return address
	}})
	for _, a := range []string{"LocalHost:21", "[::1]:21"} {
		checkEcho(t, mustDial(t, tun, a))
	}
	assert.Equal(t, []string{"LocalHost:21", "[::1]:21"}, asked)
}

func TestCancelledDialLeavesNothingOpen(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan struct{}, 1)
	address := serve(t, func(c *net.TCPConn) {
		io.Copy(io.Discard, c)
		ended <- struct{}{}
	})
	tun, _ := newTunnel(t, &sshtest.Server{HoldDial: release})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := tun.DialContext(ctx, "tcp", address)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)
	soon(t, func() bool { <-ended; return true })
}
