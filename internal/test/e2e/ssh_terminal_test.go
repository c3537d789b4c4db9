//go:build linux

package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A terminal is a program at a terminal.
type terminal struct {
	t   *testing.T
	tty *os.File
	cmd *exec.Cmd

	mu   sync.Mutex
	text strings.Builder
}

// atTerminal starts the program on the client's host with a terminal of its own.
func (s *site) atTerminal(args ...string) *terminal {
	s.t.Helper()
	term := &terminal{t: s.t, cmd: s.Client.Command(context.Background(), binary(s.t), args...)}
	// The terminal needs a session of its own, not just a process group.
	tty, err := pty.StartWithAttrs(term.cmd, nil, &syscall.SysProcAttr{Setsid: true, Setctty: true})
	require.NoError(s.t, err)
	term.tty = tty
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1024)
		for {
			n, err := tty.Read(buf)
			term.mu.Lock()
			term.text.Write(buf[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		_ = term.cmd.Wait()
		_ = tty.Close()
		<-done
		if s.t.Failed() {
			s.t.Logf("at the terminal: %s", term.shown())
		}
	})
	return term
}

// shown returns all that the terminal has shown.
func (term *terminal) shown() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.text.String()
}

// answer waits for the terminal to show a text, and types.
func (term *terminal) answer(text, typed string) {
	term.t.Helper()
	require.Eventually(term.t, func() bool { return strings.Contains(term.shown(), text) }, 20*time.Second, 10*time.Millisecond, text)
	_, err := term.tty.WriteString(typed)
	require.NoError(term.t, err)
}

func TestPassphraseIsReadFromTerminal(t *testing.T) {
	lab.Require(t, "curl", "ssh-keygen")
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		s.Client.Run(s.t, "ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", lab.Home+"/.ssh/id_ed25519")
		term := s.atTerminal("gateway")
		term.answer("Enter passphrase for key '/root/.ssh/id_ed25519': ", "wrong\n")
		term.answer("\r\nEnter passphrase for key '/root/.ssh/id_ed25519': ", "open sesame\n")
		term.answer(here, "")
		assert.NotContains(s.t, term.shown(), "sesame", "it is not shown")
		s.curl(here)

		// The passphrase is kept for later connections.
		s.ssh.KillSessions(s.t)
		s.curl(here)

		term.answer("", "\x03")
		assert.NoError(s.t, term.cmd.Wait())

		term = s.atTerminal("-vv", "gateway")
		term.answer("Enter passphrase for key '/root/.ssh/id_ed25519': ", "open sesame\n")
		term.answer(here, "\x03")
		assert.NoError(s.t, term.cmd.Wait())
		assert.NotContains(s.t, term.shown(), "sesame", "nor logged")
	})
}

func TestPasswordIsReadFromTerminal(t *testing.T) {
	l := lab.New(t)
	s := newSite(t, l, lab.Dropbear(t, l.Gateway, lab.DropbearConfig{Password: true}))
	s.vsftpd(l.Gateway)
	s.Client.Run(t, "rm", lab.Home+"/.ssh/id_ed25519")
	term := s.atTerminal("gateway")
	term.answer("root@gateway's password: ", "wrong\n")
	term.answer("\r\nroot@gateway's password: ", lab.Password+"\n")
	term.answer(here, "\x03")
	assert.NoError(t, term.cmd.Wait())

	term = s.atTerminal("-vv", "gateway")
	term.answer("root@gateway's password: ", lab.Password+"\n")
	term.answer(here, "\x03")
	assert.NoError(t, term.cmd.Wait())
	assert.NotContains(t, term.shown(), lab.Password)

	term = s.atTerminal("gateway")
	term.answer("root@gateway's password: ", "\x03")
	var exit *exec.ExitError
	require.ErrorAs(t, term.cmd.Wait(), &exit)
	assert.Equal(t, 130, exit.ExitCode())
}

func TestUnknownHostKeyIsConfirmedAtTerminal(t *testing.T) {
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		s.Client.WriteFile(s.t, lab.Home+"/.ssh/known_hosts", "")
		term := s.atTerminal("gateway")
		term.answer("The authenticity of host 'gateway (10.77.0.2)' can't be established.", "")
		term.answer("Are you sure you want to continue connecting (yes/no/[fingerprint])? ", "yes\n")
		term.answer(here, "\x03")
		assert.NoError(s.t, term.cmd.Wait())
		s.succeeds("ssh", "-o", "BatchMode=yes", "gateway", "true") // ssh knows the key too
	})
}
