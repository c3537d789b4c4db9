package ftpfwd

import (
	"context"
	"net"
	"net/netip"
)

// A Network dials and listens. A [Forwarder] uses two of them: Local, where its
// clients are, and Remote, where the FTP server is.
//
// A Network must be comparable, as pointers are.
//
// Connections need not support deadlines; Forwarder ends one only by closing
// it. If a connection has a CloseWrite method, Forwarder uses it to pass on a
// half-close; if it has a SetLinger method, to pass on a reset. Read returns
// [io.EOF] only when the peer ended its data, never when the network failed. If its
// owner has closed the network, an error may wrap one with a method
// ClosedByOwner() bool that returns true: what fails then is blamed on [Tunnel].
type Network interface {
	// DialContext connects to address. Once it has returned, ctx has no
	// effect on the connection.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)

	// Listen announces on address; port 0 picks a free port, which the
	// listener's Addr reports. Once it has returned, ctx has no effect on the
	// listener. Close must not block on connections not yet accepted, and
	// Accept must then return an error. If the listener has a Settle method,
	// Forwarder calls it before Close when no connection that it has
	// commanded is still due.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
}

// host is this machine, as seen by a client that connected to addr: data
// connections come from the address that its control connection went to.
type host struct {
	addr netip.Addr
}

func (h host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return h.dialFrom(ctx, netip.AddrPortFrom(h.addr, 0), address)
}

// dialFrom dials from a local address and port, unless address is of another
// family.
func (h host) dialFrom(ctx context.Context, from netip.AddrPort, address string) (net.Conn, error) {
	var d net.Dialer
	if to, err := netip.ParseAddrPort(address); err == nil && to.Addr().Is4() == from.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
	}
	return d.DialContext(ctx, "tcp", address)
}

func (h host) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, network, address)
}

// owns reports whether address is one of this machine's.
func owns(address netip.Addr) bool {
	if address.IsLoopback() {
		return true
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, i := range interfaces {
		if p, err := netip.ParsePrefix(i.String()); err == nil && p.Addr().Unmap() == address {
			return true
		}
	}
	return false
}

// addrOf returns the IP address and port of a, or the zero value.
func addrOf(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		p := tcp.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
