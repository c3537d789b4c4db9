package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A witness accepts every channel and records, in order, what arrives about each.
type witness struct {
	window uint32 // of each channel

	mu   sync.Mutex
	seen []string
	more *sync.Cond
}

var messageNames = map[byte]string{
	sshtest.ChannelOpen: "open", sshtest.ChannelData: "data", sshtest.ChannelEOF: "end", sshtest.ChannelClose: "close",
}

func (w *witness) serve(c *sshtest.MessageConn) {
	if !c.Login() {
		return
	}
	opened := 0
	for {
		m, err := c.Read()
		if err != nil {
			return
		}
		name, ok := messageNames[m[0]]
		switch m[0] {
		case sshtest.GlobalRequest:
			err = c.Write(sshtest.RequestFailure, nil)
		case sshtest.ChannelOpen:
			err = c.Confirm(m, w.window)
			name = fmt.Sprint(name, " ", opened)
			opened++
		default:
			if ok {
				name = fmt.Sprint(name, " ", binary.BigEndian.Uint32(m[1:]))
			}
		}
		if err != nil {
			return
		}
		if ok {
			w.mu.Lock()
			w.seen = append(w.seen, name)
			w.more.Broadcast()
			w.mu.Unlock()
		}
	}
}

// wait returns what has arrived once last is among it.
func (w *witness) wait(t *testing.T, last string) []string {
	return soon(t, func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		for !slices.Contains(w.seen, last) {
			w.more.Wait()
		}
		return slices.Clone(w.seen)
	})
}

// newWitness returns a tunnel to a witness, and connections through it, each with
// the channel of its index.
func newWitness(t *testing.T, n int, window uint32) (*witness, *Tunnel, []net.Conn) {
	t.Helper()
	checkLeaks(t)
	w := &witness{window: window}
	w.more = sync.NewCond(&w.mu)
	s := startMessages(t, w.serve)
	tun := mustOpen(t, insecureConfig(messageHop(s)))
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = mustDial(t, tun, "ftp:21")
	}
	return w, tun, conns
}

func startMessages(t *testing.T, serve func(*sshtest.MessageConn)) *sshtest.MessageServer {
	t.Helper()
	s := &sshtest.MessageServer{Serve: serve}
	require.NoError(t, s.Start())
	t.Cleanup(func() { s.Close() })
	return s
}

func messageHop(s *sshtest.MessageServer) Hop {
	return Hop{Alias: "gw", HostName: "127.0.0.1", Port: s.Addr().Port, User: "ann"}
}

func TestCallsReachTheServerInTheirOrder(t *testing.T) {
	const n = 64
	w, tun, conns := newWitness(t, n, 1<<20)
	var want []string
	opened := n
	for i := range conns {
		want = append(want, fmt.Sprint("open ", i))
	}
	for _, i := range rand.Perm(n) {
		c := conns[i]
		if i%2 == 0 {
			_, err := io.WriteString(c, "ABOR\r\n")
			require.NoError(t, err)
			want = append(want, fmt.Sprint("data ", i))
		}
		if i%3 == 0 {
			closeWrite(t, c)
			want = append(want, fmt.Sprint("end ", i))
		}
		require.NoError(t, c.Close())
		want = append(want, fmt.Sprint("close ", i))
		if i%4 == 0 {
			mustDial(t, tun, "ftp:21")
			want = append(want, fmt.Sprint("open ", opened))
			opened++
		}
	}
	mustDial(t, tun, "ftp:21")
	last := fmt.Sprint("open ", opened)
	assert.Equal(t, append(want, last), w.wait(t, last))
}

func TestFullWindowDelaysOnlyItsChannel(t *testing.T) {
	const window = 1000
	w, _, conns := newWitness(t, 4, window)
	full, others := conns[0], conns[1:]
	written := make(chan error, 1)
	go func() {
		_, err := full.Write(make([]byte, 2*window))
		written <- err
	}()
	w.wait(t, "data 0")
	for i, c := range others {
		_, err := io.WriteString(c, "x")
		require.NoError(t, err)
		closeWrite(t, c)
		require.NoError(t, c.Close())
		w.wait(t, fmt.Sprint("close ", i+1))
	}
	require.NoError(t, full.Close())
	assert.ErrorIs(t, <-written, net.ErrClosed)
	w.wait(t, "close 0")
}

func TestCloseDoesNotWaitForServerThatReadsNothing(t *testing.T) {
	tun, s := newTunnel(t, &sshtest.Server{})
	address := serve(t, echo)
	conns := make([]net.Conn, 10)
	for i := range conns {
		conns[i] = mustDial(t, tun, address)
	}
	s.Pause()
	ended := make(chan error, len(conns))
	for _, c := range conns {
		go func() {
			var err error
			for err == nil {
				_, err = c.Write(make([]byte, 1<<20))
			}
			ended <- err
		}()
	}
	for _, c := range conns {
		soon(t, c.Close)
	}
	for range conns {
		assert.ErrorIs(t, soon(t, func() error { return <-ended }), net.ErrClosed)
	}
	s.Resume()
	checkEcho(t, mustDial(t, tun, address))
}
