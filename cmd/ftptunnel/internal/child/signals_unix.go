//go:build unix

package child

import (
	"os"
	"os/signal"
	"syscall"
)

// passedSignals returns the signals that are passed on to the command: none that is
// ignored, as by nohup, since the command ignores it too.
func passedSignals() (passed []os.Signal) {
	for _, s := range []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
	} {
		if !signal.Ignored(s) {
			passed = append(passed, s)
		}
	}
	return passed
}

func keyboardSignal(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGQUIT }

// exitStatus returns the status of a shell: 128+n if signal n ended the command.
func exitStatus(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}
