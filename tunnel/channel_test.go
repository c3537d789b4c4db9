package tunnel

import (
	"io"
	"net"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEndOfFileIsPassedOn(t *testing.T) {
	tun, _ := newTunnel(t, &sshtest.Server{})

	c := mustDial(t, tun, serve(t, func(c *net.TCPConn) { io.WriteString(c, "all of it") }))
	b, err := io.ReadAll(c)
	assert.NoError(t, err)
	assert.Equal(t, "all of it", string(b))

	// After a half-close, data still arrives from the peer.
	c = mustDial(t, tun, serve(t, func(c *net.TCPConn) {
		b, _ := io.ReadAll(c)
		io.WriteString(c, "got "+string(b))
	}))
	_, err = io.WriteString(c, "everything")
	require.NoError(t, err)
	closeWrite(t, c)
	b, err = io.ReadAll(c)
	assert.NoError(t, err)
	assert.Equal(t, "got everything", string(b))
}

func TestDataWrittenBeforeCloseArrives(t *testing.T) {
	tun, _ := newTunnel(t, &sshtest.Server{})
	got := make(chan int64, 1)
	c := mustDial(t, tun, serve(t, func(c *net.TCPConn) {
		n, _ := io.Copy(io.Discard, c)
		got <- n
	}))
	const size = 5 << 20
	n, err := c.Write(make([]byte, size))
	require.NoError(t, err)
	require.Equal(t, size, n)
	require.NoError(t, c.Close())
	assert.EqualValues(t, size, soon(t, func() int64 { return <-got }))
}

// An sshd answers the close of a channel once it has delivered what it received.
func TestCloseUnblocksReadAndWriteOfStalledConnection(t *testing.T) {
	for name, server := range map[string]func(*sshtest.Server){
		"target stalls": func(*sshtest.Server) {},
		"server frozen": (*sshtest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			tun, s := newTunnel(t, &sshtest.Server{})
			stop := make(chan struct{})
			address := serve(t, func(*net.TCPConn) { <-stop })
			t.Cleanup(func() { close(stop) })
			c := mustDial(t, tun, address)
			server(s)
			ended := make(chan error, 2)
			go func() { ended <- readToEnd(c) }()
			go func() {
				var err error
				for err == nil {
					_, err = c.Write(make([]byte, 1<<20))
				}
				ended <- err
			}()
			time.Sleep(200 * time.Millisecond) // lets them block; the result does not depend on it
			soon(t, c.Close)
			for range 2 {
				assert.ErrorIs(t, soon(t, func() error { return <-ended }), net.ErrClosed)
			}
			s.Resume()
		})
	}
}
