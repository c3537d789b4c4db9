package tunnel

import (
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeepalivesKeepAnIdleConnectionUp(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	h := hopTo(s, key)
	h.ServerAliveInterval = 30 * time.Millisecond
	h.ServerAliveCountMax = 10
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	require.Eventually(t, func() bool { return s.Keepalives.Load() >= 5 }, testTimeout, 5*time.Millisecond)
	assert.Empty(t, w.of(Down))

	// There is at most one request at a time.
	s.Pause()
	before := s.Keepalives.Load()
	time.Sleep(150 * time.Millisecond)
	s.Resume()
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	assert.LessOrEqual(t, s.Keepalives.Load(), before+3)
}

func TestServerAliveIntervalBelowZeroAsksNothing(t *testing.T) {
	checkLeaks(t)
	jump, jumpKey := newServer(t, &sshtest.Server{})
	gateway, key := newServer(t, &sshtest.Server{})
	first, last := hopTo(jump, jumpKey), hopTo(gateway, key)
	last.ServerAliveInterval = -1
	tun := mustOpen(t, insecureConfig(first, last))
	c := mustDial(t, tun, serve(t, echo))
	time.Sleep(100 * time.Millisecond) // nothing must happen meanwhile
	checkEcho(t, c)
	assert.Zero(t, jump.Keepalives.Load())
	assert.Zero(t, gateway.Keepalives.Load())
}

func TestJumpHostIsAskedIfItsHopSaysSo(t *testing.T) {
	checkLeaks(t)
	jump, jumpKey := newServer(t, &sshtest.Server{})
	gateway, key := newServer(t, &sshtest.Server{})
	first, last := hopTo(jump, jumpKey), hopTo(gateway, key)
	first.ServerAliveInterval, first.ServerAliveCountMax = 50*time.Millisecond, 4
	last.ServerAliveInterval = -1
	w := newRecorder()
	cfg := insecureConfig(first, last)
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	require.Eventually(t, func() bool { return jump.Keepalives.Load() >= 3 }, testTimeout, time.Millisecond)
	assert.Zero(t, gateway.Keepalives.Load())
	assert.Empty(t, w.of(Down))
	jump.Pause()
	assert.ErrorContains(t, w.wait(t, Down, 1).Err, "no answer for 200ms")
	jump.Resume()
}

// In ssh, ServerAliveCountMax 0 ends a silent connection without a request.
func TestServerAliveCountMaxBelowZeroEndsSilenceUnasked(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	h := hopTo(s, key)
	h.ServerAliveInterval, h.ServerAliveCountMax = 100*time.Millisecond, -1
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	assert.ErrorContains(t, w.wait(t, Down, 1).Err, "nothing received for 100ms")
	assert.Zero(t, s.Keepalives.Load())
}

func TestSilentErrorShowsWhetherTheServerEverAnswered(t *testing.T) {
	for name, ignores := range map[string]bool{"never": true, "before": false} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			s, key := newServer(t, &sshtest.Server{IgnoreKeepalive: ignores})
			h := hopTo(s, key)
			h.ServerAliveInterval, h.ServerAliveCountMax = 50*time.Millisecond, 4
			w := newRecorder()
			cfg := insecureConfig(h)
			cfg.Observe = w.observe
			mustOpen(t, cfg)
			require.Eventually(t, func() bool { return s.Keepalives.Load() >= 1 }, testTimeout, time.Millisecond)
			if !ignores {
				require.Eventually(t, func() bool { return s.Keepalives.Load() >= 2 }, testTimeout, time.Millisecond)
				s.Pause()
			}
			var silent *SilentError
			require.ErrorAs(t, w.wait(t, Down, 1).Err, &silent)
			assert.Equal(t, SilentError{Limit: 200 * time.Millisecond, Never: ignores}, *silent)
			s.Resume()
		})
	}
}
