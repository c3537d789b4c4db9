package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// loopbacks is a port on both of this machine's loopback addresses, as the name
// localhost means with ssh. Its address is that of IPv4.
type loopbacks struct {
	v4, v6   *net.TCPListener
	once     sync.Once // starts accepting
	closing  sync.Once
	closed   chan struct{}
	accepted chan accepted
	tasks    sync.WaitGroup
}

// An accepted is what an Accept of one of the two has returned.
type accepted struct {
	conn net.Conn
	err  error
}

// tries is how many free ports are tried: the one that is free on IPv4 may be taken
// on IPv6.
const tries = 16

// listenLoopbacks opens a port on both loopback addresses, or on that of IPv4 only
// where there is no IPv6. If another program has the port on either, it fails:
// clients that name localhost would send it their passwords.
func listenLoopbacks(ctx context.Context, port string) (net.Listener, error) {
	for n := 1; ; n++ {
		l, err := listenBoth(ctx, port)
		if err == nil || port != "0" || n == tries || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
}

func listenBoth(ctx context.Context, port string) (net.Listener, error) {
	var lc net.ListenConfig
	v4, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	at := v4.Addr().(*net.TCPAddr)
	v6, err := lc.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(at.Port)))
	switch {
	case err == nil:
		return newLoopbacks(v4.(*net.TCPListener), v6.(*net.TCPListener)), nil
	case errors.Is(err, syscall.EADDRINUSE):
		_ = v4.Close()
		return nil, fmt.Errorf("port %d of ::1: %w", at.Port, err)
	}
	return v4, nil
}

func newLoopbacks(v4, v6 *net.TCPListener) *loopbacks {
	return &loopbacks{v4: v4, v6: v6, closed: make(chan struct{}), accepted: make(chan accepted)}
}

// Accept returns the next connection to either address.
func (l *loopbacks) Accept() (net.Conn, error) {
	l.once.Do(func() {
		for _, from := range []*net.TCPListener{l.v4, l.v6} {
			l.tasks.Go(func() { l.accept(from) })
		}
	})
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// accept hands on what from accepts, until l is closed.
func (l *loopbacks) accept(from net.Listener) {
	for {
		conn, err := from.Accept()
		select {
		case l.accepted <- accepted{conn, err}:
		case <-l.closed:
			if conn != nil {
				_ = conn.Close()
			}
			return
		}
	}
}

// Close closes both and waits until neither accepts.
func (l *loopbacks) Close() error {
	l.closing.Do(func() { close(l.closed) })
	err := errors.Join(l.v4.Close(), l.v6.Close())
	l.tasks.Wait()
	return err
}

// Addr returns the address of IPv4.
func (l *loopbacks) Addr() net.Addr { return l.v4.Addr() }

// duplicate returns another listener for the same port.
func (l *loopbacks) duplicate() (net.Listener, error) {
	v4, err := duplicate(l.v4)
	if err != nil {
		return nil, err
	}
	v6, err := duplicate(l.v6)
	if err != nil {
		_ = v4.Close()
		return nil, err
	}
	return newLoopbacks(v4.(*net.TCPListener), v6.(*net.TCPListener)), nil
}
