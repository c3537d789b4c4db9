package tunnel

import (
	"context"
	"io"
	"net"
	"runtime"
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

// Package ssh cannot withdraw a request to open a channel.
func TestUnansweredRequestsAreBounded(t *testing.T) {
	release := make(chan struct{})
	address := serve(t, hello)
	w := newRecorder()
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{HoldDial: release})
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	first := tun.link
	before := runtime.NumGoroutine()
	giveUp := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, err := tun.DialContext(ctx, "tcp", address)
		return err
	}
	for range maxUnanswered {
		assert.ErrorIs(t, giveUp(), context.DeadlineExceeded)
	}
	for range 100 {
		var e *OpenError
		_, err := tun.DialContext(testContext(t), "tcp", address)
		require.ErrorAs(t, err, &e)
		assert.ErrorContains(t, e, "32 earlier requests have no answer yet")
	}
	const ofServer = 1 // for each channel
	assert.LessOrEqual(t, runtime.NumGoroutine()-before, maxUnanswered*(1+ofServer)+10)

	// Requests that will not be answered make it connect anew.
	first.opening.mu.Lock()
	for q := range first.opening.left {
		first.opening.left[q] = time.Now().Add(-unansweredLimit)
	}
	first.opening.mu.Unlock()
	assert.ErrorIs(t, giveUp(), context.DeadlineExceeded)
	assert.ErrorContains(t, w.wait(t, Down, 1).Err, "32 requests without an answer for 5m0s")
	w.wait(t, Up, 2)

	close(release)
	assert.Equal(t, "hello", readFull(t, mustDial(t, tun, address), 5))
	require.Eventually(t, func() bool { n, _ := tun.link.opening.count(); return n == 0 }, testTimeout, time.Millisecond)
}

func TestUnansweredRequestsToListenAreBounded(t *testing.T) {
	release := make(chan struct{})
	tun, _ := newTunnel(t, &sshtest.Server{HoldListen: release})
	for range maxUnanswered {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		_, err := tun.Listen(ctx, "tcp", "127.0.0.1:0")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		cancel()
	}
	_, err := tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
	assert.ErrorContains(t, err, "32 earlier requests have no answer yet")
	close(release)
	r := tun.link.router
	require.Eventually(t, func() bool { n, _ := r.unanswered.count(); return n == 0 }, testTimeout, time.Millisecond)
	mustListen(t, tun, "127.0.0.1:0")
}
