//go:build linux

package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"example.org/ftptunnel/internal/test/sshtest"
)

// almostFullPipe returns the end of a pipe that takes so many bytes more.
func almostFullPipe(t *testing.T, room int) *os.File {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	size, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, size-room))
	require.NoError(t, err)
	return w
}

// A pager may take its time, so check waits for it; but a signal ends it.
func TestSignalEndsCheckWithUnreadStdout(t *testing.T) {
	files := outputs(t)
	files["full"] = almostFullPipe(t, 1200)
	for name, stdout := range files {
		for _, format := range []string{"--json=false", "--json"} {
			t.Run(name+format, func(t *testing.T) {
				s := newSite(t, &sshtest.Server{})
				cmd := s.command("check", format, "127.0.0.1", s.ftp)
				cmd.Stdout = stdout
				require.NoError(t, cmd.Start())
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				if name == "full" { // it has room for the first lines
					require.Eventually(t, func() bool { return s.dialled.Load() > 0 }, 10*time.Second, time.Millisecond)
					require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
				}
				select {
				case <-ended:
					assert.Less(t, cmd.ProcessState.ExitCode(), 2)
					assert.NotEqual(t, -1, cmd.ProcessState.ExitCode(), "no signal ended it")
				case <-time.After(10 * time.Second):
					_ = cmd.Process.Kill()
					t.Fatal("the program does not exit")
				}
			})
		}
	}
}
