// Package forward serves FTP clients: it opens the ports that they connect to,
// forwards their sessions through a gateway, and stops on a signal.
package forward

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

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

// A Listener is an open port.
type Listener struct {
	net.Listener
	asked   string // the address in the settings
	network string // tcp4, tcp6, or tcp for both
}

// Listeners are open ports, in the order of the settings' forwards.
type Listeners []Listener

// Listen opens the ports of all forwards, or none. If it cannot open one, the
// error is a [*ListenError]. A port that one of open has is shared with it, so that
// it can be handed over: whoever accepts first gets a client.
func Listen(ctx context.Context, forwards []settings.Forward, open ...Listener) (Listeners, error) {
	var listeners Listeners
	for _, f := range forwards {
		l, err := listen(ctx, f.Listen, &open)
		if err != nil {
			listeners.Close()
			return nil, &ListenError{f.Listen, err}
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// listen opens a port, or shares the one of open that has the address, which it
// removes.
func listen(ctx context.Context, address string, open *[]Listener) (Listener, error) {
	for i, l := range *open {
		if l.asked == address {
			*open = slices.Delete(slices.Clone(*open), i, i+1)
			return l.share()
		}
	}
	if host, port, err := net.SplitHostPort(address); err == nil && host == settings.Localhost {
		l, err := listenLoopbacks(ctx, port)
		return Listener{l, address, "tcp4"}, err
	}
	network := family(address)
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, network, address)
	return Listener{l, address, network}, err
}

// share returns another listener for the same port. Closing one does not close the
// other, and clients that wait are lost with neither.
func (l Listener) share() (Listener, error) {
	var shared net.Listener
	var err error
	switch l := l.Listener.(type) {
	case *loopbacks:
		shared, err = l.duplicate()
	case *net.TCPListener:
		shared, err = duplicate(l)
	}
	return Listener{shared, l.asked, l.network}, err
}

// Fixed reports whether the settings name l's port.
func (l Listener) Fixed() bool { return !strings.HasSuffix(l.asked, ":0") }

// family returns the network of an address to listen on. As with ssh, 0.0.0.0 is
// all IPv4 addresses and :: all IPv6 addresses; only no address at all is both.
func family(address string) string {
	host, _, _ := net.SplitHostPort(address)
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil: // a name, or none
		return "tcp"
	case addr.Unmap().Is4():
		return "tcp4"
	}
	return "tcp6"
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
		if !l.at().Addr().IsLoopback() {
			addresses = append(addresses, l.Addr().String())
		}
	}
	return addresses
}

// Address returns the address and port at which a client on this machine
// reaches l.
func (l Listener) Address() netip.AddrPort {
	at := l.at()
	switch {
	case !at.Addr().IsUnspecified():
		return at
	case l.network == "tcp6":
		return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port())
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
}

// URL returns the URL to give to a client.
func (l Listener) URL() string { return "ftp://" + l.Address().String() }

func (l Listener) at() netip.AddrPort {
	at := l.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
