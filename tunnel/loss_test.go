package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func readToEnd(c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

func TestALostConnectionIsNeverAnEndOfFile(t *testing.T) {
	for name, lose := range map[string]func(*Tunnel, *sshtest.Server){
		"reset":       func(_ *Tunnel, s *sshtest.Server) { s.Drop() },
		"server ends": func(_ *Tunnel, s *sshtest.Server) { s.Close() },
		"garbled":     func(_ *Tunnel, s *sshtest.Server) { s.Garble() },
		"frozen":      func(_ *Tunnel, s *sshtest.Server) { s.Pause() },
		"our Close":   func(tun *Tunnel, _ *sshtest.Server) { tun.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			leakFree(t)
			s, key := newServer(t, &sshtest.Server{})
			h := hopTo(s, key)
			h.ServerAliveInterval = 100 * time.Millisecond
			h.ServerAliveCountMax = 3
			tun := mustOpen(t, trusting(h))
			c := mustDial(t, tun, serving(t, hold))
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
				assert.ErrorIs(t, tun.Err(), ErrClosed)
			}
			if name == "frozen" {
				assert.ErrorContains(t, err, "no answer for 300ms")
			}
			assert.NoError(t, c.Close())
		})
	}
}

// A packet that cannot be decrypted, as a disconnect message, ends the SSH
// connection while the TCP connection is well.
func TestEndOfTheProtocolIsNotTakenForTheEndOfAChannel(t *testing.T) {
	w := newWitness()
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	cfg := trusting(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	address := serving(t, hold)
	wrong := 0
	for i := range 100 {
		w.await(t, Up, i+1)
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

func TestAGenuineEndOfFileIsOne(t *testing.T) {
	tun, _ := up(t, &sshtest.Server{})

	c := mustDial(t, tun, serving(t, func(c *net.TCPConn) { io.WriteString(c, "all of it") }))
	b, err := io.ReadAll(c)
	assert.NoError(t, err)
	assert.Equal(t, "all of it", string(b))

	// A half-close travels there, and what comes after it back.
	c = mustDial(t, tun, serving(t, func(c *net.TCPConn) {
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

func TestTheLossOfTheFirstHopIsSeenThroughTheLast(t *testing.T) {
	leakFree(t)
	first, firstKey := newServer(t, &sshtest.Server{})
	last, lastKey := newServer(t, &sshtest.Server{})
	tun := mustOpen(t, trusting(hopTo(first, firstKey), hopTo(last, lastKey)))
	c := mustDial(t, tun, serving(t, hold))
	readFull(t, c, 5)
	first.Drop()
	err := soon(t, func() error { return readToEnd(c) })
	assert.ErrorIs(t, err, ErrLost)

	// It comes back through both.
	exchange(t, mustDial(t, tun, serving(t, echo)))
	last.Drop()
	exchange(t, mustDial(t, tun, serving(t, echo)))
}

func TestWhatWasWrittenBeforeCloseArrives(t *testing.T) {
	tun, _ := up(t, &sshtest.Server{})
	got := make(chan int64, 1)
	c := mustDial(t, tun, serving(t, func(c *net.TCPConn) {
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

// sshd answers a close only once what it was sent has been delivered.
func TestCloseFreesReadAndWriteOfAStalledConnection(t *testing.T) {
	for name, server := range map[string]func(*sshtest.Server){
		"target stalls": func(*sshtest.Server) {},
		"server frozen": (*sshtest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			tun, s := up(t, &sshtest.Server{})
			stop := make(chan struct{})
			address := serving(t, func(*net.TCPConn) { <-stop })
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
			time.Sleep(200 * time.Millisecond) // so that they do block; nothing depends on it
			soon(t, c.Close)
			for range 2 {
				assert.ErrorIs(t, soon(t, func() error { return <-ended }), net.ErrClosed)
			}
			s.Resume()
		})
	}
}

func TestTheTunnelReconnectsAndTellsOfIt(t *testing.T) {
	leakFree(t)
	w := newWitness()
	s, key := newServer(t, &sshtest.Server{})
	cfg := trusting(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	address := serving(t, echo)
	exchange(t, mustDial(t, tun, address))
	assert.Contains(t, w.await(t, Up, 1).Text, "SSH-2.0-Go")

	at := s.Addr().String()
	require.NoError(t, s.Close())
	assert.ErrorIs(t, w.await(t, Down, 1).Err, ErrLost)
	var hop *HopError
	require.ErrorAs(t, w.await(t, Waiting, 1).Err, &hop)
	assert.Equal(t, "dial", hop.Op)

	// Meanwhile whoever asks is told.
	require.ErrorAs(t, soon(t, func() error { return tun.Ready(within(t)) }), &hop)

	// Whoever dials waits, as long as it likes to.
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := tun.DialContext(short, "tcp", address)
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	dialled := make(chan error, 1)
	go func() {
		c, err := tun.DialContext(within(t), "tcp", address)
		if err == nil {
			c.Close()
		}
		dialled <- err
	}()
	require.NoError(t, s.StartAt(at))
	assert.NoError(t, soon(t, func() error { return <-dialled }))
	w.await(t, Up, 2)
	assert.NoError(t, tun.Ready(within(t)))
	assert.NoError(t, tun.Err())
}

func TestAnOpenOnADeadLinkIsTriedOnceMore(t *testing.T) {
	tun, s := up(t, &sshtest.Server{})
	address := serving(t, echo)
	for range 30 {
		s.Drop() // the next dial may or may not have noticed
		exchange(t, mustDial(t, tun, address))
	}
}

func TestRefusedAuthenticationEndsTheTunnel(t *testing.T) {
	leakFree(t)
	w := newWitness()
	s, key := newServer(t, &sshtest.Server{})
	cfg := trusting(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	at := s.Addr().String()
	require.NoError(t, s.Close())
	_, other := newKey(t)
	s.Keys = []ssh.PublicKey{other}
	require.NoError(t, s.StartAt(at))
	select {
	case <-tun.Done():
	case <-time.After(patience):
		t.Fatal("the tunnel goes on")
	}
	var denied *AuthError
	require.ErrorAs(t, tun.Err(), &denied)
	_, err := tun.DialContext(within(t), "tcp", "127.0.0.1:1")
	assert.ErrorAs(t, err, &denied)
}

func TestAHostKeyThatCannotBeJudgedNowIsJudgedLater(t *testing.T) {
	leakFree(t)
	w := newWitness()
	s, key := newServer(t, &sshtest.Server{})
	cfg := trusting(hopTo(s, key))
	cfg.Observe = w.observe
	var attempts atomic.Int32
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		verify := func(string, net.Addr, ssh.PublicKey) error {
			if attempts.Load() == 3 {
				return fmt.Errorf("no answer: %w", ErrUndecided)
			}
			return nil
		}
		if attempts.Add(1) == 2 {
			return nil, nil, fmt.Errorf("no answer: %w", ErrUndecided)
		}
		return verify, nil, nil
	}
	tun := mustOpen(t, cfg)
	s.Drop()
	assert.ErrorIs(t, w.await(t, Waiting, 1).Err, ErrUndecided)
	assert.ErrorIs(t, w.await(t, Waiting, 2).Err, ErrUndecided)
	w.await(t, Up, 2)
	assert.NoError(t, tun.Err())
}

func TestCloseInterruptsAnAttempt(t *testing.T) {
	leakFree(t)
	w := newWitness()
	s, key := newServer(t, &sshtest.Server{})
	cfg := trusting(hopTo(s, key))
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	at := s.Addr().String()
	require.NoError(t, s.Close())
	s.Silent = true
	require.NoError(t, s.StartAt(at))
	w.await(t, Down, 1)
	w.await(t, Connecting, 2)
	soon(t, tun.Close)
	assert.ErrorIs(t, tun.Err(), ErrClosed)
}

func TestKeepalivesKeepAQuietConnection(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	h := hopTo(s, key)
	h.ServerAliveInterval = 30 * time.Millisecond
	h.ServerAliveCountMax = 10
	w := newWitness()
	cfg := trusting(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	require.Eventually(t, func() bool { return s.Keepalives.Load() >= 5 }, patience, 5*time.Millisecond)
	assert.Empty(t, w.of(Down))

	// Never two at a time.
	s.Pause()
	before := s.Keepalives.Load()
	time.Sleep(150 * time.Millisecond)
	s.Resume()
	exchange(t, mustDial(t, tun, serving(t, echo)))
	assert.LessOrEqual(t, s.Keepalives.Load(), before+3)
}

func TestWhoNeedsTheConnectionDoesNotWaitOutTheBackoff(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	w := newWitness()
	cfg := trusting(hopTo(s, key))
	cfg.Observe = w.observe
	tun, err := open(within(t), cfg, &backoff{random: func(time.Duration) time.Duration { return time.Hour }})
	require.NoError(t, err)
	t.Cleanup(func() { soon(t, tun.Close) })
	s.Drop()
	w.await(t, Down, 1)
	exchange(t, mustDial(t, tun, serving(t, echo)))
}
