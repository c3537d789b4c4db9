package tunnel

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func TestTunnelReconnectsAndReportsIt(t *testing.T) {
	checkLeaks(t)
	w := newRecorder()
	s, key := newServer(t, &sshtest.Server{})
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	address := serve(t, echo)
	checkEcho(t, mustDial(t, tun, address))
	assert.Contains(t, w.wait(t, Up, 1).Text, "SSH-2.0-Go")

	at := s.Addr().String()
	require.NoError(t, s.Close())
	assert.ErrorIs(t, w.wait(t, Down, 1).Err, ErrLost)
	var hop *HopError
	require.ErrorAs(t, w.wait(t, Waiting, 1).Err, &hop)
	assert.Equal(t, "dial", hop.Op)

	// Ready returns the error of the attempt.
	require.ErrorAs(t, soon(t, func() error { return tun.Ready(testContext(t)) }), &hop)

	// DialContext waits until its context is done.
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := tun.DialContext(short, "tcp", address)
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	dialled := make(chan error, 1)
	go func() {
		c, err := tun.DialContext(testContext(t), "tcp", address)
		if err == nil {
			c.Close()
		}
		dialled <- err
	}()
	require.NoError(t, s.StartAt(at))
	assert.NoError(t, soon(t, func() error { return <-dialled }))
	w.wait(t, Up, 2)
	assert.NoError(t, tun.Ready(testContext(t)))
	assert.NoError(t, tun.Err())
}

func TestDialOnLostLinkIsRetried(t *testing.T) {
	tun, s := newTunnel(t, &sshtest.Server{})
	address := serve(t, echo)
	for range 30 {
		s.Drop() // the next dial may notice the loss or not
		checkEcho(t, mustDial(t, tun, address))
	}
}

func TestRejectedAuthenticationEndsTheTunnel(t *testing.T) {
	checkLeaks(t)
	w := newRecorder()
	s, key := newServer(t, &sshtest.Server{})
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	at := s.Addr().String()
	require.NoError(t, s.Close())
	_, other := newKey(t)
	s.Keys = []ssh.PublicKey{other}
	require.NoError(t, s.StartAt(at))
	select {
	case <-tun.Done():
	case <-time.After(testTimeout):
		t.Fatal("the tunnel has not ended")
	}
	var denied *AuthError
	require.ErrorAs(t, tun.Err(), &denied)
	_, err := tun.DialContext(testContext(t), "tcp", "127.0.0.1:1")
	assert.ErrorAs(t, err, &denied)
}

func TestUndecidedHostKeyIsVerifiedAgain(t *testing.T) {
	checkLeaks(t)
	w := newRecorder()
	s, key := newServer(t, &sshtest.Server{})
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	var attempts atomic.Int32
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		verify := func(string, net.Addr, ssh.PublicKey) error {
			if attempts.Load() == 3 {
				return fmt.Errorf("no answer: %w", ErrUndecided)
			}
			return nil
		}
		if attempts.Add(1) == 2 {
			return nil, nil, fmt.Errorf("no answer: %w", ErrUndecided)
		}
		return verify, nil, nil
	}
	tun := mustOpen(t, cfg)
	s.Drop()
	assert.ErrorIs(t, w.wait(t, Waiting, 1).Err, ErrUndecided)
	assert.ErrorIs(t, w.wait(t, Waiting, 2).Err, ErrUndecided)
	w.wait(t, Up, 2)
	assert.NoError(t, tun.Err())
}

func TestCloseInterruptsAnAttempt(t *testing.T) {
	checkLeaks(t)
	w := newRecorder()
	s, key := newServer(t, &sshtest.Server{})
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	at := s.Addr().String()
	require.NoError(t, s.Close())
	s.Silent = true
	require.NoError(t, s.StartAt(at))
	w.wait(t, Down, 1)
	w.wait(t, Connecting, 2)
	soon(t, tun.Close)
	assert.ErrorIs(t, tun.Err(), ErrClosed)
}

func TestDialShortensTheBackoff(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	w := newRecorder()
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	tun, err := open(testContext(t), cfg, &backoff{random: func(time.Duration) time.Duration { return time.Hour }})
	require.NoError(t, err)
	t.Cleanup(func() { soon(t, tun.Close) })
	s.Drop()
	w.wait(t, Down, 1)
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
}
