//go:build unix

package forward

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// duplicate returns another listener for l's socket.
//
// l.File makes the socket block for a moment, for both: an Accept that begins then
// cannot be ended. So the descriptor is duplicated here.
func duplicate(l *net.TCPListener) (net.Listener, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	if e := raw.Control(func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	return net.FileListener(f)
}
