//go:build linux

package e2e

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// heldForOne is what the program may hold for one peer, in KiB: two windows of
// SSH channels, 2 MiB each, and what Go's collector has not freed yet.
const heldForOne = 24 << 10

// withOthers calls misbehave while other clients download. It checks that the
// downloads are as fast as before, and that memory grows by growsAtMost KiB.
// Misbehave returns when the damage is done; what continues ends with the test.
func (s *site) withOthers(p *program, ftp *lab.FTPServer, growsAtMost int, misbehave func()) {
	s.t.Helper()
	content := random(5_000_000)
	ftp.WriteFile(s.t, "other", string(content))
	download := func() time.Duration {
		began := time.Now()
		c := s.login()
		require.NoError(s.t, c.downloads("EPSV", "pub/other", content))
		require.NoError(s.t, c.quit())
		return time.Since(began)
	}
	download() // what is allocated once is allocated
	alone := download()
	before := footprintOf(s.t, p)
	misbehave()
	beside := max(download(), download())
	after := footprintOf(s.t, p)
	s.t.Logf("a download takes %v alone, %v beside it; memory grows by %d KiB, by %d KiB at most",
		alone.Round(time.Millisecond), beside.Round(time.Millisecond), after.memory-before.memory, after.peak-before.memory)
	assert.Less(s.t, beside, 30*time.Second, "other clients are not delayed")
	assert.Less(s.t, after.peak-before.memory, growsAtMost)
}

// heldBack is after how long a writer counts as held back.
const heldBack = time.Second

// flood writes b again and again, up to limit bytes, until nothing is accepted
// for the time of patience. It returns how many bytes were.
func flood(conn net.Conn, b []byte, limit int, patience time.Duration) (sent int) {
	for sent < limit {
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		n, err := conn.Write(b)
		sent += n
		if err != nil {
			break
		}
	}
	return sent
}

// The program stops reading from a client that does not read its replies.
func TestClientThatReadsNoRepliesIsHeldBack(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"replies of the server":  "HELP\r\n",
		"replies of the program": "AUTH TLS\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			ftp := s.unlimited()
			p := s.startLean("-q", "gateway")
			s.withOthers(p, ftp, heldForOne, func() {
				const limit = 50_000_000
				sent := flood(s.dial(address), bytes.Repeat([]byte(command), 1000), limit, heldBack)
				t.Logf("%d commands were accepted", sent/len(command))
				assert.Less(t, sent, limit)
			})
		})
	}
}

func TestDownloadThatClientDoesNotReadWaits(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.unlimited()
	ftp.WriteFile(t, "big", string(make([]byte, 50_000_000)))
	p := s.startLean("-q", "gateway")
	s.withOthers(p, ftp, heldForOne, func() {
		data, err := s.login().transfer("EPSV", "RETR pub/big")
		require.NoError(t, err)
		t.Cleanup(func() { _ = data.Close() })
	})
}

// serveAs listens at an address of the gateway, as an FTP server, and calls serve
// for each client.
func (s *site) serveAs(address string, serve func(net.Conn)) {
	s.t.Helper()
	l, err := s.Gateway.Listen(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.t.Cleanup(func() { _ = conn.Close() })
			go serve(conn)
		}
	}()
}

// twoServers are arguments for tests with a good FTP server and another, at
// otherServer, for which the program listens at otherAddress.
var twoServers = []string{"-q", "-L", "2121:127.0.0.1:21", "-L", "2122:" + otherServer, "gateway"}

const (
	otherServer  = "127.0.0.1:2100"
	otherAddress = "127.0.0.1:2122"
)

func TestEndlessCommandPassesInBoundedMemory(t *testing.T) {
	t.Parallel()
	const size = 200_000_000
	s := throughSSHD(t)
	ftp := s.unlimited()
	var received atomic.Int64
	ended := make(chan struct{})
	s.serveAs(otherServer, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "220 ready\r\n")
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			received.Add(int64(n))
			if err != nil {
				close(ended)
				return
			}
		}
	})
	p := s.startLean(twoServers...)
	s.withOthers(p, ftp, heldForOne, func() {
		conn := s.dial(otherAddress)
		go func() {
			flood(conn, bytes.Repeat([]byte("A"), 64<<10), size, time.Minute) // a busy machine stalls for seconds
			_ = conn.CloseWrite()
		}()
		eventually(t, "the line at the server", func() bool { return received.Load() > 1_000_000 })
	})
	<-ended
	assert.GreaterOrEqual(t, received.Load(), int64(size), "the server receives all of it")
	assert.Less(t, footprintOf(t, p).peak, 64<<10)
}

func TestServerThatNeverStopsSendingIsHeldBack(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a line":  strings.Repeat("A", 64<<10),
		"a reply": strings.Repeat("220-more of it\r\n", 4000),
		"replies": strings.Repeat("200 and another\r\n", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			ftp := s.unlimited()
			sent := make(chan int, 1)
			s.serveAs(otherServer, func(conn net.Conn) { sent <- flood(conn, []byte(text), 100_000_000, heldBack) })
			p := s.startLean(twoServers...)
			s.withOthers(p, ftp, heldForOne, func() {
				s.dial(otherAddress)
				n := <-sent
				t.Logf("%d bytes were accepted", n)
				assert.Less(t, n, 100_000_000)
			})
		})
	}
}

func TestServerThatNeverRepliesDelaysNoOtherClient(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.unlimited()
	s.serveAs(otherServer, func(net.Conn) {})
	p := s.startLean(twoServers...)
	s.withOthers(p, ftp, heldForOne+50*200, func() {
		for range 50 {
			_, err := io.WriteString(s.dial(otherAddress), "USER ftp\r\nEPSV\r\nRETR f\r\n")
			require.NoError(t, err)
		}
	})
}
