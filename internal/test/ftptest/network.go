package ftptest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// A Network dials and listens. If it is a [LocalDialer] too, the server dials with
// DialFrom.
type Network interface {
	// DialContext connects to address. Once it has returned, ctx has no effect
	// on the connection.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)

	// Listen announces on address; port 0 picks a free port, which the
	// listener's Addr, a [net.TCPAddr], reports.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
}

// A LocalDialer is a network in which the local address of a connection can be
// chosen.
type LocalDialer interface {
	// DialFrom connects from local, where port 0 is any port, to address.
	DialFrom(ctx context.Context, local netip.AddrPort, network, address string) (net.Conn, error)
}

// host is the network of this host.
type host struct {
	net.Dialer
	net.ListenConfig
}

func (host) DialFrom(ctx context.Context, local netip.AddrPort, network, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(local)}
	return d.DialContext(ctx, network, address)
}

func (s *Server) network() Network {
	if s.Network == nil {
		return &host{}
	}
	return s.Network
}

// dial connects from local to address, or from another port if that of local is
// not available.
func dial(ctx context.Context, n Network, local, address netip.AddrPort) (net.Conn, error) {
	from, ok := n.(LocalDialer)
	if !ok {
		return n.DialContext(ctx, "tcp", address.String())
	}
	conn, err := from.DialFrom(ctx, local, "tcp", address.String())
	if err == nil || local.Port() == 0 || errors.Is(err, syscall.ECONNREFUSED) {
		return conn, err
	}
	return from.DialFrom(ctx, netip.AddrPortFrom(local.Addr(), 0), "tcp", address.String())
}
