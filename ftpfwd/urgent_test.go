//go:build unix

package ftpfwd

import (
	"bufio"
	"context"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// forwardOverTCP starts a forwarder between real sockets, and returns both ends of
// a control connection through it.
func forwardOverTCP(t testing.TB) (client *net.TCPConn, server net.Conn) {
	t.Helper()
	far, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	near, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	f := &Forwarder{Server: far.Addr().String(), Remote: host{}}
	go func() { served <- f.Serve(ctx, near) }()
	c, err := net.Dial("tcp", near.Addr().String())
	require.NoError(t, err)
	server, err = far.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _, _ = c.Close(), server.Close(), far.Close()
		cancel()
		assert.NoError(t, <-served)
	})
	return c.(*net.TCPConn), server
}

// sendUrgent sends b as TCP urgent data: its last byte is the urgent one.
func sendUrgent(t *testing.T, c *net.TCPConn, b string) {
	t.Helper()
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	var sent error
	require.NoError(t, raw.Write(func(fd uintptr) bool {
		_, sent = syscall.SendmsgN(int(fd), []byte(b), nil, nil, syscall.MSG_OOB)
		return sent != syscall.EAGAIN
	}))
	require.NoError(t, sent)
}

// Clients differ in which bytes of an ABOR and its Telnet Synch they send as urgent
// data. Unless that is kept inline, its last byte is lost.
func TestUrgentABORArrivesComplete(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, c *net.TCPConn){
		"Python's ftplib": func(t *testing.T, c *net.TCPConn) { sendUrgent(t, c, "ABOR\r\n") },
		"tnftp, inetutils": func(t *testing.T, c *net.TCPConn) {
			sendUrgent(t, c, "\xff\xf4\xff")
			_, err := io.WriteString(c, "\xf2ABOR\r\n")
			require.NoError(t, err)
		},
		"lftp, ncftp": func(t *testing.T, c *net.TCPConn) {
			sendUrgent(t, c, "\xff\xf4\xff\xf2")
			_, err := io.WriteString(c, "ABOR\r\n")
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := forwardOverTCP(t)
			send(t, client)
			line, err := bufio.NewReader(server).ReadString('\n')
			require.NoError(t, err)
			assert.Equal(t, "ABOR\r\n", line)
		})
	}
}
