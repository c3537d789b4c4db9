//go:build linux

package terminal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// asAsker in the environment makes the test binary ask one question at its
// terminal, as the program does.
const asAsker = "TERMINAL_TEST_ASKER"

func TestMain(m *testing.M) {
	if os.Getenv(asAsker) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	answer, err := NewAsker()(ctx, "Password: ", false)
	fmt.Printf("answer %q, error %v\n", answer, err)
}

// An asked is a process that asks for a password at a terminal.
type asked struct {
	t     *testing.T
	tty   *os.File // the terminal's other end
	slave *os.File

	mu    sync.Mutex
	shown string // that no expect has taken
}

// ask starts the process, from a shell that continues it when it was stopped, and
// waits for its question.
func ask(t *testing.T) *asked {
	tty, slave, err := pty.Open()
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", `set -m; "$0"; echo "status $?"; for i in 1 2; do read line && fg; echo "status $?"; done`, os.Args[0])
	cmd.Env = append(os.Environ(), asAsker+"=1", "SSH_ASKPASS_REQUIRE=never")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	a := &asked{t: t, tty: tty, slave: slave}
	require.True(t, a.echoes(), "before the question")
	a.watch()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if pid := a.foreground(); pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	a.expect("Password: ")
	a.hides()
	return a
}

// watch reads what the terminal shows, and closes it at the end of the test.
func (a *asked) watch() {
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 1024)
		for {
			n, err := a.tty.Read(buf)
			a.mu.Lock()
			a.shown += string(buf[:n])
			a.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	a.t.Cleanup(func() {
		_ = a.slave.Close()
		_ = a.tty.Close()
		<-read
	})
}

// expect waits until the terminal shows text.
func (a *asked) expect(text string) {
	a.t.Helper()
	shown := func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		_, after, found := strings.Cut(a.shown, text)
		if found {
			a.shown = after
		}
		return found
	}
	if !assert.Eventually(a.t, shown, 20*time.Second, time.Millisecond, text) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.t.Fatalf("not %q but %q", text, a.shown)
	}
}

// types sends what a user types.
func (a *asked) types(text string) {
	_, err := a.tty.WriteString(text)
	require.NoError(a.t, err)
}

func (a *asked) echoes() bool {
	a.t.Helper()
	state, err := unix.IoctlGetTermios(int(a.slave.Fd()), unix.TCGETS)
	require.NoError(a.t, err)
	return state.Lflag&unix.ECHO != 0
}

// hides waits until what is typed is not shown.
func (a *asked) hides() {
	a.t.Helper()
	require.Eventually(a.t, func() bool { return !a.echoes() }, 20*time.Second, time.Millisecond)
}

// foreground returns the process that has the terminal, or 0 if none has.
func (a *asked) foreground() int {
	a.t.Helper()
	group, err := unix.IoctlGetInt(int(a.tty.Fd()), unix.TIOCGPGRP)
	require.NoError(a.t, err)
	return group
}

func TestTerminalEchoesAgainAfterAnySignal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			a := ask(t)
			pid := a.foreground()
			require.Greater(t, pid, 1)
			require.NoError(t, syscall.Kill(pid, s))
			a.expect("status ")
			assert.True(t, a.echoes())
		})
	}
}

// What reads the answer may begin after the question was given up.
func TestTerminalEchoesAfterQuestionThatWasGivenUpAtOnce(t *testing.T) {
	tty, slave, err := pty.Open()
	require.NoError(t, err)
	a := &asked{t: t, tty: tty, slave: slave}
	a.watch()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 50 {
		_, err := (&terminal{slave, slave}).ask(ctx, "Password: ", false)
		require.ErrorIs(t, err, context.Canceled)
		line := fmt.Sprintf("line %d.", i)
		a.types(line + "\n")
		a.expect(line)
	}
}

func TestStoppedQuestionIsAskedAgain(t *testing.T) {
	a := ask(t)
	for range 2 {
		a.types("\x1a") // Ctrl-Z
		a.expect("status ")
		assert.True(t, a.echoes(), "while it is stopped")
		a.types("\n") // for fg
		a.expect("Password: ")
		a.hides()
	}
	a.types("secret\n")
	a.expect(`answer "secret", error <nil>`)
	a.expect("status 0")
	assert.True(t, a.echoes())
}
