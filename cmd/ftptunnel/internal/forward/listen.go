// Package forward serves FTP clients: it opens the ports that they connect to,
// forwards their sessions through a gateway, and stops on a signal.
package forward

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// A ListenError reports that a port on this machine could not be opened.
type ListenError struct {
	Address string
	Err     error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("cannot listen on %s: %v", e.Address, e.Err)
}

// Unwrap returns Err.
func (e *ListenError) Unwrap() error { return e.Err }

// Listeners are open ports, in the order of the settings' forwards.
type Listeners []net.Listener

// Listen opens the ports of all forwards, or none. If it cannot open one, the
// error is a [*ListenError].
func Listen(ctx context.Context, forwards []settings.Forward) (Listeners, error) {
	var listeners Listeners
	for _, f := range forwards {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", f.Listen)
		if err != nil {
			listeners.Close()
			return nil, &ListenError{f.Listen, err}
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// Close closes all listeners.
func (ls Listeners) Close() {
	for _, l := range ls {
		_ = l.Close()
	}
}

// Exposed returns the addresses that other hosts can connect to.
func (ls Listeners) Exposed() (addresses []string) {
	for _, l := range ls {
		if !addrOf(l.Addr()).Addr().IsLoopback() {
			addresses = append(addresses, l.Addr().String())
		}
	}
	return addresses
}

// Address returns the address and port at which a client on this machine
// reaches a listener.
func Address(a net.Addr) netip.AddrPort {
	at := addrOf(a)
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return at
}

// URL returns the URL to give to a client.
func URL(a net.Addr) string { return "ftp://" + Address(a).String() }

func addrOf(a net.Addr) netip.AddrPort {
	at := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
