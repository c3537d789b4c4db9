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
	l, err := tun.Listen(testContext(t), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// dialHere connects to address, as a process on the gateway would.
func dialHere(t *testing.T, address string) net.Conn {
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

// checkForward checks that a connection to address reaches l.
func checkForward(t *testing.T, l net.Listener, address string) {
	t.Helper()
	there := dialHere(t, address)
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

func TestListenerAddrHasTheChosenPort(t *testing.T) {
	tun, _ := newTunnel(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	addr := l.Addr().(*net.TCPAddr)
	assert.Equal(t, "127.0.0.1", addr.IP.String())
	assert.NotZero(t, addr.Port)
	checkForward(t, l, addr.String())
	checkForward(t, l, addr.String())
}

func TestListenerCloseClosesBothEnds(t *testing.T) {
	tun, s := newTunnel(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	waiting := dialHere(t, l.Addr().String())
	ended := make(chan error, 1)
	accepted := accept(t, l)
	defer accepted.Close()
	unaccepted := dialHere(t, l.Addr().String())
	_ = waiting
	require.Eventually(t, func() bool { return len(l.(*listener).queue) == 1 }, testTimeout, time.Millisecond)
	require.NoError(t, l.Close())
	go func() { _, err := l.Accept(); ended <- err }()
	err := soon(t, func() error { return <-ended })
	assert.ErrorIs(t, err, net.ErrClosed)
	assert.NotErrorIs(t, err, ErrLost)
	soon(t, func() error { return readToEnd(unaccepted) })
	require.Eventually(t, func() bool { return s.Forwards.Load() == 0 }, testTimeout, time.Millisecond)

	// Accepted connections are not affected.
	_, err = io.WriteString(waiting, "still here")
	require.NoError(t, err)
	assert.Equal(t, "still here", readFull(t, accepted, 10))
}

func TestFixedPortCanBeListenedOnAgain(t *testing.T) {
	tun, _ := newTunnel(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	address := l.Addr().String()
	_, err := tun.Listen(testContext(t), "tcp", address)
	assert.Error(t, err, "in use")
	for range 20 {
		require.NoError(t, l.Close())
		l = mustListen(t, tun, address)
		checkForward(t, l, address)
	}
}

func TestLostListenerReturnsErrLostAndErrClosed(t *testing.T) {
	tun, s := newTunnel(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	s.Drop()
	err := soon(t, func() error { _, err := l.Accept(); return err })
	assert.ErrorIs(t, err, ErrLost)
	assert.ErrorIs(t, err, net.ErrClosed)
	meetAgain := mustListen(t, tun, "127.0.0.1:0")
	checkForward(t, meetAgain, meetAgain.Addr().String())
}

// In package ssh, three such connections block everything.
func TestUnacceptedConnectionsBlockNothing(t *testing.T) {
	tun, s := newTunnel(t, &sshtest.Server{})
	l := mustListen(t, tun, "127.0.0.1:0")
	for range 60 {
		dialHere(t, l.Addr().String())
	}
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	other := mustListen(t, tun, "127.0.0.1:0")
	checkForward(t, other, other.Addr().String())
	soon(t, other.Close)
	soon(t, l.Close)
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	require.Eventually(t, func() bool { return s.Forwards.Load() == 0 }, testTimeout, time.Millisecond)
}

func TestForwardGrantedTooLateIsCancelled(t *testing.T) {
	release := make(chan struct{})
	tun, s := newTunnel(t, &sshtest.Server{HoldListen: release})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := tun.Listen(ctx, "tcp", "127.0.0.1:0")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	release <- struct{}{}
	require.Eventually(t, func() bool { return s.Forwards.Load() == 0 }, testTimeout, time.Millisecond)
	close(release)
	l := mustListen(t, tun, "127.0.0.1:0")
	checkForward(t, l, l.Addr().String())
}

func TestCloseDoesNotWaitForMissingReply(t *testing.T) {
	tun, _ := newTunnel(t, &sshtest.Server{HoldListen: make(chan struct{})})
	listened := make(chan error, 1)
	go func() {
		_, err := tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
		listened <- err
	}()
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	soon(t, tun.Close)
	assert.ErrorIs(t, soon(t, func() error { return <-listened }), ErrClosed)
}
