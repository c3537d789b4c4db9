package ftpfwd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
)

// oneHost is a far network in which every host is 127.0.0.1.
type oneHost struct{ network Network }

func (n oneHost) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return n.network.Listen(ctx, network, address)
}

func (n oneHost) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	at := netip.MustParseAddrPort("127.0.0.1" + address[strings.LastIndex(address, ":"):])
	return n.network.DialContext(ctx, network, at.String())
}

// listenRefused is a far network that refuses to listen.
type listenRefused struct{ resolving }

func (listenRefused) Listen(context.Context, string, string) (net.Listener, error) {
	return nil, errors.New("forbidden")
}

// listenDelayed is a far network that listens once permit is closed.
type listenDelayed struct {
	resolving
	permit <-chan struct{}
}

func (n listenDelayed) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	<-n.permit
	return n.resolving.Listen(ctx, network, address)
}

// listenUnreachable is a far network whose listeners cannot be dialled at the
// addresses that they were asked for, as with sshd without GatewayPorts.
type listenUnreachable struct{ resolving }

func (n listenUnreachable) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if strings.HasPrefix(address, "10.") {
		return nil, errors.New("connect failed")
	}
	return n.resolving.DialContext(ctx, network, address)
}

// dialReturnsLate is a near network whose dials return once permit is closed, though
// the connections are made before.
type dialReturnsLate struct {
	Network
	permit <-chan struct{}
}

func (n dialReturnsLate) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := n.Network.DialContext(ctx, network, address)
	<-n.permit
	return conn, err
}

// dialUnanswered is a far network on which only the control connection is answered.
type dialUnanswered struct{ resolving }

func (n dialUnanswered) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if strings.HasSuffix(address, ":21") {
		return n.resolving.DialContext(ctx, network, address)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// refusePorts makes dials to ports of the server that begin with prefix fail.
func (r *rig) refusePorts(prefix string) {
	r.far.Dialled = func(address string) error {
		if strings.HasPrefix(address, "127.0.0.1:"+prefix) {
			return errors.New("connect failed")
		}
		return nil
	}
}

// A listenBounded is a near network that listens left times.
type listenBounded struct {
	Network
	left int
}

func (n *listenBounded) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if n.left--; n.left < 0 {
		return nil, errors.New("too many open files")
	}
	return n.Network.Listen(ctx, network, address)
}

// anotherHost is a far network in which the server's name leads to the server only
// the first time, as where it has several addresses.
type anotherHost struct{ resolving }

func (n anotherHost) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if port, named := strings.CutPrefix(address, "ftp.example:"); named && port != "21" {
		return nil, errors.New("connection refused")
	}
	return n.resolving.DialContext(ctx, network, strings.Replace(address, "ftp.example", "127.0.0.1", 1))
}

// settling is a far network whose listeners note whether they were settled before
// they were closed.
type settling struct {
	resolving
	closed chan bool
}

func (n settling) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := n.resolving.Listen(ctx, network, address)
	return &settlingListener{Listener: l, closed: n.closed}, err
}

type settlingListener struct {
	net.Listener
	settled bool
	closed  chan bool
}

func (l *settlingListener) Settle() { l.settled = true }

func (l *settlingListener) Close() error {
	l.closed <- l.settled
	return l.Listener.Close()
}
