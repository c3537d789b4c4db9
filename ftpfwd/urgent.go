package ftpfwd

import "net"

// keepUrgentInline makes TCP urgent data of c part of its stream. Clients send
// the Telnet Synch in front of ABOR as urgent data, and some send the whole
// command as such; without this its last byte is lost, and with it the command
// (RFC 959, 4.1.3; RFC 6093, 3). Call it before the first byte is read.
func keepUrgentInline(c net.Conn) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := t.SyscallConn(); err == nil {
		_ = raw.Control(setOOBInline)
	}
}
