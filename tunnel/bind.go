package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// dial connects to address from BindAddress or BindInterface.
func (h Hop) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	switch {
	case h.BindAddress != "":
		local, err := net.ResolveTCPAddr(network, net.JoinHostPort(h.BindAddress, "0"))
		if err != nil {
			return nil, err
		}
		dialer.LocalAddr = local
	case h.BindInterface != "":
		return dialFrom(ctx, h.BindInterface, network, address)
	}
	return dialer.DialContext(ctx, network, address)
}

// dialFrom connects to address from the interface called name: over IPv6 if both
// have such an address, then over IPv4.
func dialFrom(ctx context.Context, name, network, address string) (net.Conn, error) {
	found, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("BindInterface %s: %w", name, err)
	}
	var addresses []net.Addr
	if found.Flags&net.FlagUp != 0 {
		if addresses, err = found.Addrs(); err != nil {
			return nil, fmt.Errorf("BindInterface %s: %w", name, err)
		}
	}
	var failures []error
	for _, family := range []string{"tcp6", "tcp4"} {
		local := addressOf(addresses, family)
		if network != "tcp" && network != family || !local.IsValid() {
			continue
		}
		if family == "tcp6" && local.IsLinkLocalUnicast() {
			local = local.WithZone(name)
		}
		dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
		conn, err := dialer.DialContext(ctx, family, address)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return nil, fmt.Errorf("BindInterface %s: no suitable address", name)
	}
	return nil, errors.Join(failures...)
}

// addressOf returns the first address of family, "tcp4" or "tcp6". As in ssh,
// loopback and link-local addresses count only if there is no other.
func addressOf(addresses []net.Addr, family string) netip.Addr {
	var local netip.Addr
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil || prefix.Addr().Is4() != (family == "tcp4") {
			continue
		}
		switch ip := prefix.Addr(); {
		case !ip.IsLoopback() && (ip.Is4() || !ip.IsLinkLocalUnicast()):
			return ip
		case !local.IsValid():
			local = ip
		}
	}
	return local
}
