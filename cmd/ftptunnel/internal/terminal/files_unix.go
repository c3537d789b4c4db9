//go:build unix

package terminal

import (
	"os"
	"syscall"
)

func files() (in, out *os.File, err error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return tty, tty, err
}

// Controlling reports whether the process has a controlling terminal, which
// sends it SIGHUP when it is closed.
func Controlling() bool {
	t, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	_ = t.Close()
	return true
}
