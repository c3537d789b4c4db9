//go:build linux

package e2e

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
)

// probed reports whether the program's end of the one connection that an ss(8)
// filter finds on the client's host has a keepalive timer.
func (s *site) probed(filter string) bool {
	s.t.Helper()
	out := s.Client.Run(s.t, "ss", "-Htno", "state", "established", filter)
	require.Equal(s.t, 1, strings.Count(out, "\n"), "%s: %s", filter, out)
	return strings.Contains(out, "timer:(keepalive,")
}

// The program has to notice a client whose host is gone.
func TestIdleConnectionsOfClientsAreProbed(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.start("gateway")
	c := s.login()
	awaitProbe := func(what, filter string) {
		eventually(t, "a keepalive timer on "+what, func() bool { return s.probed(filter) })
	}
	awaitProbe("a control connection", "sport = :2121")

	passive, err := c.open("EPSV")
	require.NoError(t, err)
	data, err := passive.connect()
	require.NoError(t, err)
	_, port := splitPort(t, passive.at)
	awaitProbe("a passive data connection", "sport = :"+port)
	require.NoError(t, data.Close())

	l, command := s.listen("EPRT")
	_, err = c.command(200, "%s", command)
	require.NoError(t, err)
	_, err = c.command(150, "STOR pub/f")
	require.NoError(t, err)
	accepted, err := l.Accept()
	require.NoError(t, err)
	defer accepted.Close()
	_, port = splitPort(t, l.Addr().String())
	awaitProbe("an active data connection", "dport = :"+port)
}

func TestFTPServerIsNotConnectedToBeforeClient(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	var connections atomic.Int64
	s.serveAs("127.0.0.1:21", func(conn net.Conn) {
		connections.Add(1)
		_, _ = io.WriteString(conn, "220 ready\r\n")
	})
	s.start("gateway")
	assert.Zero(t, connections.Load(), "the port is ready")
	greeting := make([]byte, 3)
	_, err := io.ReadFull(s.dial(address), greeting)
	require.NoError(t, err)
	assert.EqualValues(t, 1, connections.Load())

	s.succeeds(binary(t), "run", "gateway", "--", "true")
	assert.EqualValues(t, 2, connections.Load(), "run looks at the server first")
}

// The control connection is idle during a slow transfer, and the program sends
// no commands of its own.
func TestIdleControlConnectionOutlivesSlowTransfer(t *testing.T) {
	t.Parallel()
	const seconds = 20
	s := throughSSHD(t)
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	content := random(seconds * 1_000_000)
	require.NoError(t, root.WriteFile("f", content, 0o600))
	var received ftptest.Record
	ftptest.Start(t, &ftptest.Server{Root: root, Network: s.Gateway, Received: received.Add}, "127.0.0.1:21")
	s.start("-o", "ServerAliveInterval=1", "gateway")
	c := s.login()
	data, err := c.transfer("EPSV", "RETR f")
	require.NoError(t, err)
	var got bytes.Buffer
	for second := time.NewTicker(time.Second); got.Len() < len(content); <-second.C {
		_, err := io.CopyN(&got, data, 1_000_000)
		require.NoError(t, err)
	}
	require.NoError(t, data.Close())
	_, err = c.expect(226)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content, got.Bytes()))
	require.NoError(t, c.quit())
	assert.Equal(t, []string{"USER ftp", "PASS ****", "TYPE I", "EPSV", "RETR f", "QUIT"}, received.Lines())
}
