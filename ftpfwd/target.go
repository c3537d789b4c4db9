package ftpfwd

import (
	"net"
	"net/netip"
	"strings"
)

// A target is the FTP server of a session.
type target struct {
	address string // host:port, as the far network names it
	host    string
}

func newTarget(address string) *target {
	host, _, _ := net.SplitHostPort(address)
	return &target{address: address, host: host}
}

func (t *target) onGateway() bool { return OnGateway(t.address) }

// OnGateway reports whether server, host:port, is named as the far end's own
// loopback: only then can it connect to a listener there.
func OnGateway(server string) bool {
	host, _, _ := net.SplitHostPort(server)
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// mayBe reports whether a connection from address to a remote listener can be
// the server's: the gateway may let others connect to it. A gateway that does
// not report where a connection comes from is trusted, and so is every address
// if only the gateway can resolve the server's name. The active address is that
// of [Forwarder].ActiveAddress.
func (t *target) mayBe(address, active netip.Addr) bool {
	named, err := netip.ParseAddr(t.host)
	switch {
	case !address.IsValid():
		return true
	case t.onGateway():
		return address.IsLoopback() || address == active
	default:
		return err != nil || address == named.Unmap()
	}
}
