//go:build linux

package tunnel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/internal/test/sshtest"
)

// through returns a hop to s that netcat connects to; its command first writes
// its process ID to the file returned.
func through(t *testing.T, s *sshtest.Server, key string) (h Hop, pid string) {
	t.Helper()
	nc := lab.Program(t, "nc")[0]
	pid = filepath.Join(t.TempDir(), "pid")
	h = hopTo(s, key)
	// It is not for us to connect to: only the command can.
	h.HostName, h.Port = "gw.invalid", 22
	h.ProxyCommand = fmt.Sprintf("sh -c 'echo $$ >%s; exec %s 127.0.0.1 %d'", pid, nc, s.Addr().Port)
	return h, pid
}

func running(t *testing.T, pidFile string) bool {
	t.Helper()
	pid, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	_, err = os.Stat("/proc/" + strings.TrimSpace(string(pid)))
	return err == nil
}

func TestAProxyCommandConnectsAndEndsWithTheTunnel(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	h, pid := through(t, s, key)
	tun := mustOpen(t, trusting(h))
	exchange(t, mustDial(t, tun, serving(t, echo)))
	assert.True(t, running(t, pid))
	require.NoError(t, tun.Close())
	assert.False(t, running(t, pid), "the command is gone when Close returns")
}

func TestAProxyCommandIsRunAgainWhenTheConnectionIsLost(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	h, _ := through(t, s, key)
	w := newWitness()
	cfg := trusting(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	s.Drop()
	w.await(t, Up, 2)
	exchange(t, mustDial(t, tun, serving(t, echo)))
}

func TestAProxyCommandCarriesAJump(t *testing.T) {
	leakFree(t)
	jump, jumpKey := newServer(t, &sshtest.Server{})
	gateway, key := newServer(t, &sshtest.Server{})
	first, _ := through(t, jump, jumpKey)
	tun := mustOpen(t, trusting(first, hopTo(gateway, key)))
	exchange(t, mustDial(t, tun, serving(t, echo)))
}

func TestAProxyCommandThatFailsSaysHow(t *testing.T) {
	leakFree(t)
	for command, want := range map[string]string{
		"sh -c 'exit 3'":         "ProxyCommand: exit status 3",
		"/nonexistent/command":   "ProxyCommand: exit status 127",
		"true":                   "closed by the other side",
		"sh -c 'kill -9 $$'":     "ProxyCommand: signal: killed",
		"echo this is no server": `answered "this is no server" instead of an SSH banner`,
	} {
		t.Run(command, func(t *testing.T) {
			e := failedHop(t, trusting(Hop{Alias: "gw", HostName: "gw", Port: 22, User: "u", ProxyCommand: command}))
			assert.Equal(t, "handshake", e.Op)
			assert.ErrorContains(t, e, want)
		})
	}
}

func TestAProxyCommandThatWillNotEndIsKilled(t *testing.T) {
	leakFree(t)
	pid := filepath.Join(t.TempDir(), "pid")
	e := failedHop(t, trusting(Hop{
		Alias: "gw", HostName: "gw", Port: 22, User: "u", ConnectTimeout: 100e6,
		ProxyCommand: "sh -c 'trap \"\" HUP; echo $$ >" + pid + "; while :; do read x; done'",
	}))
	assert.ErrorContains(t, e, "no answer for 100ms")
	assert.False(t, running(t, pid))
}

func TestAProxyCommandsComplaintsAreNotLost(t *testing.T) {
	leakFree(t)
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer stderr.Close()
	cfg := trusting(Hop{Alias: "gw", HostName: "gw", Port: 22, User: "u", ProxyCommand: "sh -c 'echo no route >&2'"})
	cfg.Stderr = stderr
	failedHop(t, cfg)
	said, err := os.ReadFile(stderr.Name())
	require.NoError(t, err)
	assert.Equal(t, "no route\n", string(said))
}
