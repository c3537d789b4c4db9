package ftpfwd

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A peer is the client's or the server's end of a control connection.
type peer struct {
	t      *testing.T
	name   string
	conn   net.Conn
	reader *bufio.Reader
}

func newPeer(t *testing.T, name string, conn net.Conn) *peer {
	return &peer{t, name, conn, bufio.NewReader(conn)}
}

// send writes lines, in one piece.
func (p *peer) send(lines ...string) { p.sendBytes(strings.Join(lines, "\r\n") + "\r\n") }

func (p *peer) sendBytes(bytes string) {
	p.t.Helper()
	_, err := io.WriteString(p.conn, bytes)
	require.NoError(p.t, err, "%s sends %q", p.name, bytes)
}

// expect reads lines and checks that they are equal to those given.
func (p *peer) expect(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		require.Equal(p.t, want, p.receive(), "%s receives", p.name)
	}
}

// receive reads a line and returns it without its end.
func (p *peer) receive() string {
	p.t.Helper()
	s, err := p.reader.ReadString('\n')
	require.NoError(p.t, err, "%s receives %q before the error", p.name, s)
	require.True(p.t, strings.HasSuffix(s, "\r\n"), "%s receives %q", p.name, s)
	return strings.TrimSuffix(s, "\r\n")
}

// expectBytes reads as many bytes as want has and checks that they are equal.
func (p *peer) expectBytes(want string) {
	p.t.Helper()
	b := make([]byte, len(want))
	_, err := io.ReadFull(p.reader, b)
	require.NoError(p.t, err)
	require.Equal(p.t, want, string(b), "%s receives", p.name)
}

// expectNothing waits until every goroutine waits, and checks that no byte has
// arrived.
func (p *peer) expectNothing() {
	p.t.Helper()
	synctest.Wait()
	waiting := p.reader.Buffered() + p.conn.(interface{ Buffered() int }).Buffered()
	require.Zero(p.t, waiting, "%s receives something too early", p.name)
}

// expectEOF checks that the connection ends without another byte and without an
// error.
func (p *peer) expectEOF() {
	p.t.Helper()
	_, err := p.reader.ReadByte()
	require.ErrorIs(p.t, err, io.EOF, "%s", p.name)
}
