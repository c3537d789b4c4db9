//go:build unix

package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/sshtest"
)

// fullPipe returns a pipe that takes not one byte more.
func fullPipe(t *testing.T) (r, w *os.File, content int) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	for _, size := range []int{1 << 12, 1} {
		for err = nil; err == nil; {
			require.NoError(t, w.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
			var n int
			n, err = w.Write(make([]byte, size))
			content += n
		}
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	return r, w, content
}

// stops ends the program with SIGTERM, and checks that it takes no longer than
// it should and exits with status 0.
func stops(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		assert.NoError(t, err, "status 0")
	case <-time.After(10 * time.Second):
		t.Fatal("the program does not exit")
	}
}

func TestTransfersContinueWithFullStderr(t *testing.T) {
	s := newSite(t, &sshtest.Server{Banner: "Welcome to the gateway.\n"})
	_, full, _ := fullPipe(t)
	cmd := s.command("-vv")
	cmd.Stderr = full
	movesFiles(t, s.forward(cmd), 5)
	stops(t, cmd)
}

func TestLogReportsDroppedEventsWhenStderrIsReadAgain(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	r, full, filling := fullPipe(t)
	cmd := s.command("-vv")
	cmd.Stderr = full
	address := s.forward(cmd)
	talks(t, address, 1000) // two lines each: more than may wait
	movesFiles(t, address, 5)
	require.NoError(t, full.Close()) // the program has it
	log := make(chan string, 1)
	go func() {
		_, _ = io.CopyN(io.Discard, r, int64(filling))
		text, _ := io.ReadAll(r)
		log <- string(text)
	}()
	movesFiles(t, address, 1)
	stops(t, cmd)
	text := <-log
	assert.Regexp(t, `level=WARN msg="events dropped" dropped=[1-9][0-9]*\n`, text)
	assert.Contains(t, text, "msg=stopping", "what was published last is written at exit")
	assert.Equal(t, 1, strings.Count(text, "msg=connected"))
}

// A closed standard error or standard output makes the kernel send SIGPIPE.
func TestTransfersContinueWithClosedStderr(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	cmd := s.command("-vv")
	cmd.Stderr = w
	address := s.forward(cmd)
	require.NoError(t, w.Close())
	movesFiles(t, address, 3)
	stops(t, cmd)
}

func TestTransfersContinueWithUnreadStdout(t *testing.T) {
	_, full, _ := fullPipe(t)
	r, closed, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	for name, stdout := range map[string]*os.File{"full": full, "closed": closed} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, &sshtest.Server{})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			address := l.Addr().String()
			require.NoError(t, l.Close())
			cmd := s.command("-L", address+":"+s.ftp, "127.0.0.1")
			cmd.Stdout = stdout
			require.NoError(t, cmd.Start())
			require.Eventually(t, func() bool {
				conn, err := net.Dial("tcp", address)
				if err == nil {
					_ = conn.Close()
				}
				return err == nil
			}, 10*time.Second, 10*time.Millisecond)
			movesFiles(t, address, 3)
			stops(t, cmd)
		})
	}
}

// outputs returns standard streams that nobody reads.
func outputs(t *testing.T) map[string]*os.File {
	_, full, _ := fullPipe(t)
	r, gone, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	t.Cleanup(func() { _ = gone.Close() })
	return map[string]*os.File{"full": full, "gone": gone}
}

func TestRunWorksWithUnreadStderr(t *testing.T) {
	for name, stderr := range outputs(t) {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, &sshtest.Server{Banner: "Welcome.\n"})
			var stdout bytes.Buffer
			cmd := s.command("run", "-vv", "127.0.0.1", s.ftp)
			cmd.Args = append(cmd.Args, "--", "sh", "-c", "echo {port}; exit 3")
			cmd.Stdout, cmd.Stderr = &stdout, stderr
			ends(t, cmd, 3)
			assert.Regexp(t, `^\d+\n$`, stdout.String())
		})
	}
}

func TestCheckWorksWithUnreadStderr(t *testing.T) {
	for name, stderr := range outputs(t) {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, &sshtest.Server{Banner: "Welcome.\n"})
			cmd := s.command("check", "-vv", "127.0.0.1", s.ftp)
			cmd.Stderr = stderr
			ends(t, cmd, 0)
		})
	}
}

func TestProgramWorksWithClosedStandardStreams(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	for _, closed := range []string{"2>&-", ">&- 2>&-", "<&- 2>&-"} {
		ran := filepath.Join(t.TempDir(), "ran")
		run := s.command("run", "-vv", "127.0.0.1", s.ftp)
		run.Args = append(run.Args, "--", "touch", ran)
		cmd := exec.Command("sh", append([]string{"-c", `"$0" "$@" ` + closed}, run.Args...)...)
		cmd.Env = run.Env
		ends(t, cmd, 0)
		assert.FileExists(t, ran, closed)
	}
}

// ends runs cmd, and checks that it ends in time and with a status.
func ends(t *testing.T, cmd *exec.Cmd, status int) {
	t.Helper()
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	assert.Equal(t, status, cmd.ProcessState.ExitCode())
}

// What the program ignores for itself it must not ignore for the command.
func TestRunRestoresDefaultSIGPIPEForCommand(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	cmd := s.command("run", "127.0.0.1", s.ftp)
	cmd.Args = append(cmd.Args, "--", "sh", "-c", "kill -PIPE $$; exit 0")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, string(out))
	assert.Equal(t, 128+int(syscall.SIGPIPE), exit.ExitCode(), string(out))
}

// As nohup does for a command that it runs itself.
func TestRunLeavesSIGHUPIgnoredForCommand(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	run := s.command("run", "-q", "127.0.0.1", s.ftp)
	run.Args = append(run.Args, "--", "sh", "-c", "kill -HUP $$; kill -HUP $PPID; exit 3")
	cmd := exec.Command("sh", append([]string{"-c", `trap "" HUP; exec "$0" "$@"`}, run.Args...)...)
	cmd.Env = run.Env
	ends(t, cmd, 3)
}
