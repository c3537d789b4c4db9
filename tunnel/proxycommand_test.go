//go:build linux

package tunnel

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/internal/test/sshtest"
)

// hopThroughNetcat returns a hop to s with netcat as its ProxyCommand. The command
// writes its process ID to the file pid.
func hopThroughNetcat(t *testing.T, s *sshtest.Server, key string) (h Hop, pid string) {
	t.Helper()
	nc := lab.Program(t, "nc")[0]
	pid = filepath.Join(t.TempDir(), "pid")
	h = hopTo(s, key)
	// Only the command can connect.
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

func TestProxyCommandEndsWithTheTunnel(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	h, pid := hopThroughNetcat(t, s, key)
	tun := mustOpen(t, insecureConfig(h))
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	assert.True(t, running(t, pid))
	require.NoError(t, tun.Close())
	assert.False(t, running(t, pid), "the command has exited when Close returns")
}

func TestProxyCommandIsRestartedAfterLoss(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	h, _ := hopThroughNetcat(t, s, key)
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	s.Drop()
	w.wait(t, Up, 2)
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
}

func TestProxyCommandConnectsJumpHost(t *testing.T) {
	checkLeaks(t)
	jump, jumpKey := newServer(t, &sshtest.Server{})
	gateway, key := newServer(t, &sshtest.Server{})
	first, _ := hopThroughNetcat(t, jump, jumpKey)
	tun := mustOpen(t, insecureConfig(first, hopTo(gateway, key)))
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
}

func TestErrorHasExitStatusOfProxyCommand(t *testing.T) {
	checkLeaks(t)
	for command, want := range map[string]string{
		"sh -c 'exit 3'":         "ProxyCommand: exit status 3",
		"/nonexistent/command":   "ProxyCommand: exit status 127",
		"true":                   "connection closed by remote host",
		"sh -c 'kill -9 $$'":     "ProxyCommand: signal: killed",
		"echo this is no server": `answered "this is no server" instead of an SSH banner`,
	} {
		t.Run(command, func(t *testing.T) {
			e := failedHop(t, insecureConfig(Hop{Alias: "gw", HostName: "gw", Port: 22, User: "u", ProxyCommand: command}))
			assert.Equal(t, "handshake", e.Op)
			assert.ErrorContains(t, e, want)
		})
	}
}

func TestProxyCommandThatIgnoresSIGHUPIsKilled(t *testing.T) {
	checkLeaks(t)
	pid := filepath.Join(t.TempDir(), "pid")
	e := failedHop(t, insecureConfig(Hop{
		Alias: "gw", HostName: "gw", Port: 22, User: "u", ConnectTimeout: 2e9,
		ProxyCommand: "sh -c 'trap \"\" HUP; echo $$ >" + pid + "; while :; do read x; done'",
	}))
	assert.ErrorContains(t, e, "no answer for 2s")
	assert.False(t, running(t, pid))
}

func TestStandardErrorOfProxyCommandCausesEvents(t *testing.T) {
	checkLeaks(t)
	w := newRecorder()
	cfg := insecureConfig(Hop{
		Alias: "gw", HostName: "gw", Port: 22, User: "u",
		ProxyCommand: `sh -c 'printf "no route\r\n\n%2000d\nto host" 0 >&2'`,
	})
	cfg.Observe = w.observe
	failedHop(t, cfg)
	var lines []string
	for _, e := range w.of(Output) {
		assert.Equal(t, "gw", e.Hop.Alias)
		lines = append(lines, e.Text)
	}
	require.Len(t, lines, 5, "all of them before the attempt has failed")
	assert.Equal(t, []string{"no route", ""}, lines[:2])
	assert.Equal(t, 2000, len(lines[2])+len(lines[3]))
	assert.Equal(t, "to host", lines[4])
}

func TestProxyCommandMayWriteMoreThanItsPipeHolds(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	h, _ := hopThroughNetcat(t, s, key)
	h.ProxyCommand = `sh -c 'i=0; while [ $i -lt 2000 ]; do printf "%100d\n" $i >&2; i=$((i+1)); done; exec ` +
		lab.Program(t, "nc")[0] + fmt.Sprintf(" 127.0.0.1 %d'", s.Addr().Port)
	checkEcho(t, mustDial(t, mustOpen(t, insecureConfig(h)), serve(t, echo)))
}

// ControlPersist, for example, leaves a process behind.
func TestProcessThatKeepsStandardErrorOpenDoesNotDelayTheEnd(t *testing.T) {
	checkLeaks(t)
	pid := filepath.Join(t.TempDir(), "pid")
	e := failedHop(t, insecureConfig(Hop{
		Alias: "gw", HostName: "gw", Port: 22, User: "u",
		ProxyCommand: "sh -c 'sleep 600 >/dev/null </dev/null & echo $! >" + pid + "'",
	}))
	assert.Equal(t, "handshake", e.Op)
	assert.True(t, running(t, pid))
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	left, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(left, syscall.SIGKILL))
}
