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
