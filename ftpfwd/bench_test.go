//go:build unix

package ftpfwd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkDownload compares a data connection through a forwarder, over real
// sockets and without SSH, with a direct one.
func BenchmarkDownload(b *testing.B) {
	const size = 64 << 20
	data := make([]byte, 1<<20)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			for range size / len(data) {
				_, _ = c.Write(data)
			}
			_ = c.Close()
		}
	}()
	download := func(b *testing.B, address string) {
		c, err := net.Dial("tcp", address)
		require.NoError(b, err)
		n, err := io.Copy(io.Discard, c)
		require.NoError(b, err)
		require.EqualValues(b, size, n)
		_ = c.Close()
	}
	b.Run("direct", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			download(b, server.Addr().String())
		}
	})
	b.Run("forwarded", func(b *testing.B) {
		client, control := forwardOverTCP(b)
		replies, commands := bufio.NewReader(client), bufio.NewReader(control)
		line := func(r *bufio.Reader) string {
			s, err := r.ReadString('\n')
			require.NoError(b, err)
			return s
		}
		b.SetBytes(size)
		for b.Loop() {
			fmt.Fprint(client, "EPSV\r\nRETR x\r\n")
			line(commands)
			fmt.Fprintf(control, "229 ok (|||%d|)\r\n", server.Addr().(*net.TCPAddr).Port)
			line(commands)
			announced := line(replies)
			start, end := findExtendedPort(announced)
			fmt.Fprint(control, "150 ok\r\n")
			line(replies)
			download(b, "127.0.0.1:"+announced[start:end])
			fmt.Fprint(control, "226 ok\r\n")
			line(replies)
		}
	})
}
