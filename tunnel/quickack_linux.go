package tunnel

import (
	"net"
	"syscall"
)

// quickAck acknowledges at once what was read from c: sshd before 10.1 leaves
// Nagle's algorithm on for connections that only forward, and holds back every
// second small reply until the first has been acknowledged. The kernel forgets
// the setting, so it is made anew after each read.
func quickAck(c net.Conn) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := t.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
		})
	}
}
