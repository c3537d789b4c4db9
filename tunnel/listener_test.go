package tunnel

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustListen(t *testing.T, tun *Tunnel, address string) net.Listener {
	t.Helper()
	l, err := tun.Listen(within(t), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// come connects to address, as somebody on the gateway does.
func come(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	return soon(t, func() net.Conn {
		c, err := l.Accept()
		assert.NoError(t, err)
		return c
	})
}

// meet checks that a connection to address reaches l.
func meet(t *testing.T, l net.Listener, address string) {
	t.Helper()
	there := come(t, address)
	here := accept(t, l)
	defer here.Close()
	_, err := io.WriteString(there, "ping")
	require.NoError(t, err)
	require.Equal(t, "ping", readFull(t, here, 4))
	assert.Equal(t, there.LocalAddr().String(), here.RemoteAddr().String())
	closeWrite(t, here)
	_, err = io.ReadAll(there)
	assert.NoError(t, err)
}

func TestAListenerTellsThePortItWasGiven(t *testing.T) {
	tun, _ := up(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	addr := l.Addr().(*net.TCPAddr)
	assert.Equal(t, "127.0.0.1", addr.IP.String())
	assert.NotZero(t, addr.Port)
	meet(t, l, addr.String())
	meet(t, l, addr.String())
}

func TestAClosedListenerIsClosedAtBothEnds(t *testing.T) {
	tun, s := up(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	waiting := come(t, l.Addr().String())
	accepted := make(chan error, 1)
	meet2 := accept(t, l)
	defer meet2.Close()
	unaccepted := come(t, l.Addr().String())
	_ = waiting
	require.Eventually(t, func() bool { return len(l.(*listener).queue) == 1 }, patience, time.Millisecond)
	require.NoError(t, l.Close())
	go func() { _, err := l.Accept(); accepted <- err }()
	err := soon(t, func() error { return <-accepted })
	assert.ErrorIs(t, err, net.ErrClosed)
	assert.NotErrorIs(t, err, ErrLost)
	soon(t, func() error { return readToEnd(unaccepted) })
	require.Eventually(t, func() bool { return s.Forwards.Load() == 0 }, patience, time.Millisecond)

	// What was accepted lives on.
	_, err = io.WriteString(waiting, "still here")
	require.NoError(t, err)
	assert.Equal(t, "still here", readFull(t, meet2, 10))
}

func TestAFixedPortCanBeListenedOnAgain(t *testing.T) {
	tun, _ := up(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	address := l.Addr().String()
	_, err := tun.Listen(within(t), "tcp", address)
	assert.Error(t, err, "in use")
	for range 20 {
		require.NoError(t, l.Close())
		l = mustListen(t, tun, address)
		meet(t, l, address)
	}
}

func TestALostListenerIsBothClosedAndLost(t *testing.T) {
	tun, s := up(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	s.Drop()
	err := soon(t, func() error { _, err := l.Accept(); return err })
	assert.ErrorIs(t, err, ErrLost)
	assert.ErrorIs(t, err, net.ErrClosed)
	meetAgain := mustListen(t, tun, "127.0.0.1:0")
	meet(t, meetAgain, meetAgain.Addr().String())
}

// With the ssh package's listener three of these stop everything.
func TestConnectionsNobodyAcceptsHoldUpNothing(t *testing.T) {
	tun, s := up(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	for range 60 {
		come(t, l.Addr().String())
	}
	exchange(t, mustDial(t, tun, serving(t, echo)))
	other := mustListen(t, tun, "127.0.0.1:0")
	meet(t, other, other.Addr().String())
	soon(t, other.Close)
	soon(t, l.Close)
	exchange(t, mustDial(t, tun, serving(t, echo)))
	require.Eventually(t, func() bool { return s.Forwards.Load() == 0 }, patience, time.Millisecond)
}

func TestAForwardGrantedTooLateIsCancelled(t *testing.T) {
	release := make(chan struct{})
	tun, s := up(t, &sshtest.Server{HoldListen: release})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := tun.Listen(ctx, "tcp", "127.0.0.1:0")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	exchange(t, mustDial(t, tun, serving(t, echo)))
	release <- struct{}{}
	require.Eventually(t, func() bool { return s.Forwards.Load() == 0 }, patience, time.Millisecond)
	close(release)
	l := mustListen(t, tun, "127.0.0.1:0")
	meet(t, l, l.Addr().String())
}

func TestCloseDoesNotWaitForAnAnswerThatNeverComes(t *testing.T) {
	tun, _ := up(t, &sshtest.Server{HoldListen: make(chan struct{})})
	listened := make(chan error, 1)
	go func() {
		_, err := tun.Listen(within(t), "tcp", "127.0.0.1:0")
		listened <- err
	}()
	exchange(t, mustDial(t, tun, serving(t, echo)))
	soon(t, tun.Close)
	assert.ErrorIs(t, soon(t, func() error { return <-listened }), ErrClosed)
}

// Dropbear before 2026.90 never gives a port back.
func TestAForwardThatCannotBeCancelledIsUsedAgain(t *testing.T) {
	tun, s := up(t, &sshtest.Server{NoCancel: true})
	r := tun.link.router
	rested := func() (n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range r.forwards {
			if !f.resting.IsZero() {
				n++
			}
		}
		return n
	}
	age := func(by time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range r.forwards {
			f.resting = f.resting.Add(-by)
		}
	}
	first := mustListen(t, tun, "127.0.0.1:0")
	address := first.Addr().String()
	first.Close()
	require.Eventually(t, func() bool { return rested() == 1 }, patience, time.Millisecond)

	// Nobody gets in meanwhile.
	soon(t, func() error { return readToEnd(come(t, address)) })

	// Not at once, and not for another address.
	second := mustListen(t, tun, "127.0.0.1:0")
	assert.NotEqual(t, address, second.Addr().String())
	second.Close()
	age(restTime)
	mustListen(t, tun, "localhost:0")
	third := mustListen(t, tun, "127.0.0.1:0")
	assert.Equal(t, address, third.Addr().String(), "the longest rested")
	meet(t, third, address)
	third.Close()

	// A port asked for by number has no other.
	fourth := mustListen(t, tun, address)
	meet(t, fourth, address)
	fourth.Close()

	// However many are asked for, there are no more than so many.
	for range 2 * mostRested {
		l := mustListen(t, tun, "127.0.0.1:0")
		require.NoError(t, l.Close())
	}
	assert.LessOrEqual(t, s.Forwards.Load(), int64(mostRested+2))
}

func TestAServerThatCancelsNothingAndGrantsNoMoreIsAskedNoMore(t *testing.T) {
	tun, s := up(t, &sshtest.Server{NoCancel: true, MostForwards: 3})
	for range 10 {
		l := mustListen(t, tun, "127.0.0.1:0")
		meet(t, l, l.Addr().String())
		require.NoError(t, l.Close())
	}
	held := []net.Listener{mustListen(t, tun, "127.0.0.1:0"), mustListen(t, tun, "127.0.0.1:0"), mustListen(t, tun, "127.0.0.1:0")}
	for range 5 {
		_, err := tun.Listen(t.Context(), "tcp", "127.0.0.1:0")
		assert.ErrorAs(t, err, new(*OpenError))
	}
	require.NoError(t, held[0].Close())
	meet(t, held[1], held[1].Addr().String())
	mustListen(t, tun, "127.0.0.1:0")
	assert.EqualValues(t, 1, s.Refused.Load())
}

func TestTheListenerOfAnotherHostNameIsFoundByItsPort(t *testing.T) {
	r := &router{}
	l := &listener{}
	r.add(newForward("localhost", 4000, l))
	assert.Same(t, l, r.find("127.0.0.1", 4000))
	assert.Nil(t, r.find("127.0.0.1", 4001))
	other := &listener{}
	r.add(newForward("127.0.0.1", 4000, other))
	assert.Same(t, other, r.find("127.0.0.1", 4000))
	assert.Same(t, l, r.find("localhost", 4000))
	assert.Nil(t, r.find("::1", 4000))
}
