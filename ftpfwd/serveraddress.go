package ftpfwd

import (
	"context"
	"net"
	"net/netip"
	"slices"
)

// A server's name may have several addresses, or another one at each look. The
// gateway looks it up anew for each connection, and does not say what it found, so
// a data connection may go to another host than the control connection. Then the
// address in the server's own 227 is tried, if the name can mean it; what worked is
// used for the rest of the session.

// meant reports whether host, a name, can mean address, as far as this machine can
// look it up.
func (f *Forwarder) meant(ctx context.Context, host string, address netip.Addr) bool {
	if f.Lookup == nil || address.IsLoopback() || address.IsUnspecified() {
		return false
	}
	addresses, err := f.Lookup(ctx, host)
	return err == nil && slices.ContainsFunc(addresses, func(a netip.Addr) bool { return a.Unmap() == address })
}

// dialNamed dials where p's 227 says, after the server's name has led nowhere.
func (f *Forwarder) dialNamed(ctx context.Context, network Network, host string, named netip.AddrPort) (net.Conn, bool) {
	_, err := netip.ParseAddr(host)
	if isAddress := err == nil; isAddress || !named.IsValid() || !f.meant(ctx, host, named.Addr().Unmap()) {
		return nil, false
	}
	conn, err := network.DialContext(ctx, "tcp", named.String())
	return conn, err == nil
}
