//go:build unix

package forward

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup sends SIGHUP to c, unless the signal is ignored, as by nohup.
func notifyHangup(c chan<- os.Signal) {
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(c, syscall.SIGHUP)
	}
}
