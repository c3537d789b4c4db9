//go:build unix

package ftpfwd

import "syscall"

func setOOBInline(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1)
}
