//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/internal/test/module"
)

// A shell is one that somebody types to.
type shell struct {
	t   *testing.T
	tty *os.File

	mu    sync.Mutex
	shown string
}

// start starts a shell that finds the program in dir.
func startShell(t *testing.T, dir, name string, args ...string) *shell {
	cmd := exec.Command(lab.Program(t, name)[0], args...)
	cmd.Env = []string{"HOME=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH"), "TERM=xterm", "LANG=C.UTF-8", "PS1=prompt> "}
	cmd.Dir = dir
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	require.NoError(t, err)
	s := &shell{t: t, tty: tty}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.shown += string(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
		<-read
	})
	return s
}

func (s *shell) types(text string) {
	_, err := s.tty.WriteString(text)
	require.NoError(s.t, err)
}

// expect waits until the shell shows text.
func (s *shell) expect(text string) {
	s.t.Helper()
	shows := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(s.shown, text)
	}
	require.Eventually(s.t, shows, 30*time.Second, 10*time.Millisecond, text)
}

func TestShellsCompleteHosts(t *testing.T) {
	lab.Program(t, "bash", "zsh", "fish")
	dir := t.TempDir()
	require.NoError(t, module.BuildProgram(filepath.Join(dir, "ftptunnel"), false))
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".ssh"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".ssh", "config"), []byte("Host zz-gateway\n"), 0o600))
	const ready = "printf 'rea%s\\n' dy\n"
	for name, c := range map[string]struct{ args, load string }{
		"bash": {"--norc -i", "source /usr/share/bash-completion/bash_completion && source <(ftptunnel completion bash)\n"},
		"zsh":  {"-f -i", "autoload -U compinit && compinit -u && source <(ftptunnel completion zsh)\n"},
		"fish": {"--no-config -i", "ftptunnel completion fish | source\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startShell(t, dir, name, strings.Fields(c.args)...)
			s.types(c.load + ready)
			s.expect("ready")
			s.types("ftptunnel alice@zz-g\t\x01printf %s-%s- \n") // Ctrl-A: the beginning of the line
			s.expect("ftptunnel-alice@zz-gateway-")
			s.types("ftptunnel --server-mode=p\t\x01printf %s-%s- \n")
			s.expect("ftptunnel---server-mode=passive-")
		})
	}
}
