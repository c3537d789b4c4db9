package tunnel

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readToEnd(c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

func TestLossIsNeverAnEndOfFile(t *testing.T) {
	for name, lose := range map[string]func(*Tunnel, *sshtest.Server){
		"reset":       func(_ *Tunnel, s *sshtest.Server) { s.Drop() },
		"server ends": func(_ *Tunnel, s *sshtest.Server) { s.Close() },
		"garbled":     func(_ *Tunnel, s *sshtest.Server) { s.Garble() },
		"frozen":      func(_ *Tunnel, s *sshtest.Server) { s.Pause() },
		"our Close":   func(tun *Tunnel, _ *sshtest.Server) { tun.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			s, key := newServer(t, &sshtest.Server{})
			h := hopTo(s, key)
			h.ServerAliveInterval = 100 * time.Millisecond
			h.ServerAliveCountMax = 3
			tun := mustOpen(t, insecureConfig(h))
			c := mustDial(t, tun, serve(t, hello))
			require.Equal(t, "hello", readFull(t, c, 5))

			read := make(chan error, 1)
			go func() { read <- readToEnd(c) }()
			lose(tun, s)
			err := soon(t, func() error { return <-read })
			assert.ErrorIs(t, err, ErrLost)
			assert.NotErrorIs(t, err, io.EOF)
			_, err = c.Write([]byte("more"))
			assert.ErrorIs(t, err, ErrLost)
			if name == "our Close" {
				assert.ErrorIs(t, err, ErrClosed)
				var closed interface{ ClosedByOwner() bool }
				require.ErrorAs(t, err, &closed, "packages that do not know this one can tell")
				assert.True(t, closed.ClosedByOwner())
				assert.ErrorIs(t, tun.Err(), ErrClosed)
			}
			if name == "frozen" {
				assert.ErrorContains(t, err, "no answer for 300ms")
			}
			assert.NoError(t, c.Close())
		})
	}
}

// A packet that cannot be decrypted ends the SSH connection while the TCP
// connection is up, as a disconnect message does.
func TestProtocolErrorIsNotAnEndOfFile(t *testing.T) {
	w := newRecorder()
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	address := serve(t, hello)
	wrong := 0
	for i := range 100 {
		w.wait(t, Up, i+1)
		var readers sync.WaitGroup
		errs := make([]error, 4)
		for j := range errs {
			c := mustDial(t, tun, address)
			readFull(t, c, 5)
			readers.Go(func() { errs[j] = readToEnd(c) })
		}
		s.Garble()
		soon(t, func() bool { readers.Wait(); return true })
		for _, err := range errs {
			if !errors.Is(err, ErrLost) {
				wrong++
			}
		}
		s.Drop()
	}
	assert.Zero(t, wrong, "ends of file out of 400")
}

func TestLossOfJumpHostEndsConnections(t *testing.T) {
	checkLeaks(t)
	first, firstKey := newServer(t, &sshtest.Server{})
	last, lastKey := newServer(t, &sshtest.Server{})
	tun := mustOpen(t, insecureConfig(hopTo(first, firstKey), hopTo(last, lastKey)))
	c := mustDial(t, tun, serve(t, hello))
	readFull(t, c, 5)
	first.Drop()
	err := soon(t, func() error { return readToEnd(c) })
	assert.ErrorIs(t, err, ErrLost)

	// The tunnel reconnects through both.
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	last.Drop()
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
}
