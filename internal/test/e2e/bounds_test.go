//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// heldForOne is what one peer may make the program hold, in KiB: two windows
// of SSH channels, 2 MiB each, and what Go's collector has not taken back yet.
const heldForOne = 24 << 10

// withOthers has somebody misbehave while others download, and checks that they
// are served no worse and that memory grows by so many KiB at most. Misbehave
// returns once the damage is done, and what goes on has to end with the test.
func (s *site) withOthers(p *lab.Process, ftp *lab.FTPServer, growsAtMost int, misbehave func()) {
	s.t.Helper()
	content := make([]byte, 5_000_000)
	_, _ = rand.Read(content)
	require.NoError(s.t, os.WriteFile(filepath.Join(ftp.Root, "pub", "other"), content, 0o644))
	download := func() time.Duration {
		began := time.Now()
		c := s.anonymous("127.0.0.1:2121")
		require.NoError(s.t, c.downloaded("pub/other", content))
		_, err := c.command(221, "QUIT")
		require.NoError(s.t, err)
		return time.Since(began)
	}
	download() // so that what is made once is there
	alone := download()
	before := footprintOf(s.t, p)
	misbehave()
	beside := max(download(), download())
	after := footprintOf(s.t, p)
	s.t.Logf("a download takes %v alone, %v beside it; memory grows by %d KiB, by %d KiB at most",
		alone.Round(time.Millisecond), beside.Round(time.Millisecond), after.memory-before.memory, after.peak-before.memory)
	assert.Less(s.t, beside, 30*time.Second, "nobody is held up")
	assert.Less(s.t, after.peak-before.memory, growsAtMost)
}

// flood writes b again and again, so many bytes, until nothing has been taken
// for a second, and returns how many were.
func flood(conn net.Conn, b []byte, limit int) (sent int) {
	for sent < limit {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := conn.Write(b)
		sent += n
		if err != nil {
			break
		}
	}
	return sent
}

// dial connects to the program, or to a listener of its, and keeps the
// connection until the test ends.
func (s *site) dial(address string) net.Conn {
	s.t.Helper()
	conn, err := s.Client.DialContext(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A client that does not read what it asked for is not read further itself,
// whoever answers it.
func TestAClientThatReadsNothingIsHeldBack(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"replies of the server's": "HELP\r\n",
		"replies of ours":         "AUTH TLS\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			ftp := s.crowded()
			p := s.startLean("-q", "gateway")
			s.withOthers(p, ftp, heldForOne, func() {
				const limit = 50_000_000
				sent := flood(s.dial("127.0.0.1:2121"), bytes.Repeat([]byte(command), 1000), limit)
				t.Logf("%d commands were taken", sent/len(command))
				assert.Less(t, sent, limit)
			})
		})
	}
}

func TestADownloadThatNobodyReadsWaits(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.crowded()
	require.NoError(t, os.WriteFile(filepath.Join(ftp.Root, "pub", "big"), make([]byte, 50_000_000), 0o644))
	p := s.startLean("-q", "gateway")
	s.withOthers(p, ftp, heldForOne, func() {
		c := s.anonymous("127.0.0.1:2121")
		port, err := c.passivePort()
		require.NoError(t, err)
		s.dial("127.0.0.1:" + port)
		_, err = c.command(150, "RETR pub/big")
		require.NoError(t, err)
	})
}

// A peer is a bare listener on the gateway, in the place of an FTP server: it
// greets the first, which is the program's own look, and serves others as it is
// told.
func (s *site) peer(address string, serve func(net.Conn)) {
	s.t.Helper()
	l, err := s.Gateway.Listen(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for first := true; ; first = false {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if first {
				_, _ = io.WriteString(conn, "220 ready\r\n")
				_ = conn.Close()
				continue
			}
			s.t.Cleanup(func() { _ = conn.Close() })
			go serve(conn)
		}
	}()
}

// besides are the listeners of tests with a good server and another one.
var besides = []string{"-q", "-L", "2121:127.0.0.1:21", "-L", "2122:127.0.0.1:2100", "gateway"}

func TestALineWithoutAnEndPassesInBoundedMemory(t *testing.T) {
	t.Parallel()
	const size = 200_000_000
	s := throughSSHD(t)
	ftp := s.crowded()
	var heard atomic.Int64
	ended := make(chan struct{})
	s.peer("127.0.0.1:2100", func(conn net.Conn) {
		_, _ = io.WriteString(conn, "220 ready\r\n")
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			heard.Add(int64(n))
			if err != nil {
				close(ended)
				return
			}
		}
	})
	p := s.startLean(besides...)
	s.withOthers(p, ftp, heldForOne, func() {
		conn := s.dial("127.0.0.1:2122")
		go func() {
			flood(conn, bytes.Repeat([]byte("A"), 64<<10), size)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		eventually(t, "the line has begun", func() bool { return heard.Load() > 1_000_000 })
	})
	<-ended
	assert.GreaterOrEqual(t, heard.Load(), int64(size), "it passes whole: the server judges it")
	assert.Less(t, footprintOf(t, p).peak, 64<<10)
}

func TestAServerThatNeverStopsTalkingIsHeldBack(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a line":  strings.Repeat("A", 64<<10),
		"a reply": strings.Repeat("220-more of it\r\n", 4000),
		"replies": strings.Repeat("200 and another\r\n", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			ftp := s.crowded()
			sent := make(chan int, 1)
			s.peer("127.0.0.1:2100", func(conn net.Conn) { sent <- flood(conn, []byte(text), 100_000_000) })
			p := s.startLean(besides...)
			s.withOthers(p, ftp, heldForOne, func() {
				s.dial("127.0.0.1:2122")
				n := <-sent
				t.Logf("%d bytes were taken", n)
				assert.Less(t, n, 100_000_000)
			})
		})
	}
}

func TestAServerThatNeverAnswersHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.crowded()
	s.peer("127.0.0.1:2100", func(net.Conn) {})
	p := s.startLean(besides...)
	s.withOthers(p, ftp, heldForOne+50*200, func() {
		for range 50 {
			conn := s.dial("127.0.0.1:2122")
			_, err := io.WriteString(conn, "USER ftp\r\nEPSV\r\nRETR f\r\n")
			require.NoError(t, err)
		}
	})
}
