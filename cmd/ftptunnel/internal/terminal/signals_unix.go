//go:build unix

package terminal

import (
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// questions is how many questions are open.
var questions atomic.Int32

// stopAlways makes SIGTSTP stop the process when no question is open. Once package
// signal has caught that signal, it does not restore its effect.
var stopAlways = sync.OnceFunc(func() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTSTP)
	go func() { // for the rest of the process
		for range c {
			if questions.Load() == 0 {
				stop()
			}
		}
	}()
})

// notify sends c, until done is called, the signals that stop or end the process
// and that the program does not catch. Those that it does end the question's
// context; the others have no effect.
func notify(c chan<- os.Signal) (done func()) {
	questions.Add(1)
	stopAlways()
	signal.Notify(c, syscall.SIGTSTP, syscall.SIGQUIT)
	return func() {
		signal.Stop(c)
		questions.Add(-1)
	}
}

// stopLimit bounds how long obey waits for a stopped process to continue: the
// kernel may not have stopped it.
const stopLimit = time.Second / 4

// obey lets s have its usual effect. It returns when the process continues.
func obey(s os.Signal, c chan<- os.Signal) {
	if s == syscall.SIGQUIT {
		signal.Stop(c)
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGQUIT)
		select {} // until the process has ended
	}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	if stop() {
		select {
		case <-continued:
		case <-time.After(stopLimit):
		}
	}
}

// stop stops the process, and reports whether it does. As the kernel on a SIGTSTP,
// it does not if no shell is there that could continue it.
func stop() bool {
	ours, _ := unix.Getsid(0)
	parents, err := unix.Getsid(syscall.Getppid())
	return err == nil && ours == parents && syscall.Kill(syscall.Getpid(), syscall.SIGSTOP) == nil
}
