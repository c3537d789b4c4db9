//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
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
	require.Equal(s.t, 1, bytes.Count([]byte(out), []byte("\n")), "%s: %s", filter, out)
	return bytes.Contains([]byte(out), []byte("timer:(keepalive,"))
}

// A client whose host is gone without a word is noticed.
func TestClientsConnectionsAreProbedWhileTheyAreIdle(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.start("gateway")
	c := s.anonymous("127.0.0.1:2121")
	idle := func(what, filter string) {
		eventually(t, what+" is probed", func() bool { return s.probed(filter) })
	}
	idle("a control connection", "sport = :2121")

	port, err := c.passivePort()
	require.NoError(t, err)
	data := s.dial("127.0.0.1:" + port)
	idle("a passive data connection", "sport = :"+port)
	require.NoError(t, data.Close())

	l, err := s.Client.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).Port
	_, err = c.command(200, "EPRT |1|127.0.0.1|%d|", at)
	require.NoError(t, err)
	_, err = c.command(150, "STOR pub/f")
	require.NoError(t, err)
	data, err = l.Accept()
	require.NoError(t, err)
	defer data.Close()
	idle("an active data connection", fmt.Sprintf("dport = :%d", at))
}

// The control connection says nothing while a transfer takes its time, and
// nobody says anything in its place.
func TestAnIdleControlConnectionOutlastsASlowTransfer(t *testing.T) {
	t.Parallel()
	const seconds = 20
	s := throughSSHD(t)
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	content := make([]byte, seconds*1_000_000)
	_, _ = rand.Read(content)
	require.NoError(t, root.WriteFile("f", content, 0o600))
	var heard ftptest.Record
	ftptest.Start(t, &ftptest.Server{Root: root, Network: s.Gateway, Heard: heard.Heard}, "127.0.0.1:21")
	p := s.Client.Start(t, s.Client.Command(context.Background(), binary(t), "-o", "ServerAliveInterval=1", "gateway"))
	p.Stdout.Await(t, "ftp://127.0.0.1:2121")
	eventually(t, "its own look at the server is over", func() bool { return len(heard.Lines()) == 1 })

	c := s.anonymous("127.0.0.1:2121")
	port, err := c.passivePort()
	require.NoError(t, err)
	data := s.dial("127.0.0.1:" + port)
	_, err = c.command(1, "RETR f")
	require.NoError(t, err)
	var got bytes.Buffer
	for second := time.NewTicker(time.Second); got.Len() < len(content); <-second.C {
		_, err := io.CopyN(&got, data, 1_000_000)
		require.NoError(t, err)
	}
	require.NoError(t, data.Close())
	_, _, err = c.ReadResponse(226)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content, got.Bytes()))
	_, err = c.command(221, "QUIT")
	require.NoError(t, err)
	assert.Equal(t, []string{"USER ftp", "PASS ****", "TYPE I", "EPSV", "RETR f", "QUIT"}, heard.Lines()[1:])
}
