package ftpfwd

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// active opens a path for PORT or EPRT: the client's endpoint will be dialled. An
// argument that does not parse, or does not name the client, is refused: the
// server would connect to whatever it names, which may be its own loopback, and
// rewriting it would disable the server's own protection against bounce attacks
// (RFC 2577, 3).
func (s *session) active(ctx context.Context, c command, line []byte, whole bool) {
	parse := parseHostPort
	if c.verb == "EPRT" {
		parse = parseExtended
	}
	address, err := parse(c.argument)
	switch {
	case !whole:
		s.refuse(c, "501 "+c.verb+" refused: the line is too long")
	case err != nil:
		s.refuse(c, fmt.Sprintf("501 %s refused: %v", c.verb, err))
	case !s.isClient(address.Addr()) && s.f.ForeignPorts:
		s.pass(c, line, &request{kind: verbOther})
	case !s.isClient(address.Addr()):
		s.refuse(c, fmt.Sprintf("500 %s refused: %v is not your address", c.verb, address.Addr()))
	case address.Port() < 1024:
		s.refuse(c, fmt.Sprintf("501 %s refused: port %d is below 1024", c.verb, address.Port()))
	default:
		s.open(ctx, &dataPath{asked: c, line: line, owed: true, clientMethod: c.verb, client: endpoint{address: address.String()}})
	}
}

// isClient reports whether address is the client's own: the one it came from
// or, where it came from this machine, any of this machine's.
func (s *session) isClient(address netip.Addr) bool {
	return address == s.clientPeer || (s.clientPeer.IsLoopback() && owns(address))
}

// isServer reports whether a connection from address to a remote listener can be
// the FTP server's: the gateway may let others connect to it. A gateway that does
// not report where a connection comes from is trusted, and so is every address
// if only the gateway can resolve the server's name.
func (s *session) isServer(address netip.Addr) bool {
	named, err := netip.ParseAddr(s.target.host)
	switch {
	case !address.IsValid():
		return true
	case s.target.onGateway():
		return address.IsLoopback() || address == s.f.ActiveAddress
	default:
		return err != nil || address == named.Unmap()
	}
}

// listenFor opens the remote listener that a PORT or EPRT needs: on the gateway's
// loopback, where a server on that host expects a client that connected from
// there, or at the address that is configured for servers on other hosts.
func (s *session) listenFor(ctx context.Context, p *dataPath) {
	m := p.method
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, s.f.dialTimeout())
		defer cancel()
		l, err := s.listenAt(ctx, m)
		if !s.post(listened{path: p, listener: l, err: err}) && l != nil {
			_ = l.Close()
		}
	})
}

func (s *session) listenAt(ctx context.Context, m method) (net.Listener, error) {
	address := s.f.ActiveAddress
	switch {
	case address.IsValid():
	case m.ipv6:
		address = netip.IPv6Loopback()
	default:
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	l, err := s.remote.Listen(ctx, "tcp", netip.AddrPortFrom(address, 0).String())
	if err != nil || address != s.f.ActiveAddress || s.methods.addressTested() {
		return l, err
	}
	if err := s.dialBack(ctx, l, address); err != nil {
		_ = l.Close()
		return nil, &ActiveAddressError{address, err}
	}
	s.methods.addressWorks()
	return l, nil
}

// An ActiveAddressError reports that the far network listens at
// [Forwarder.ActiveAddress], but that connections to it do not arrive.
type ActiveAddressError struct {
	Address netip.Addr
	Err     error
}

func (e *ActiveAddressError) Error() string {
	return fmt.Sprintf("connections to the active address %v do not arrive: %v", e.Address, e.Err)
}

func (e *ActiveAddressError) Unwrap() error { return e.Err }

// dialBack connects to l at address, through the gateway: a gateway that grants
// an address does not always listen there. A random number tells our own
// connection from another's.
func (s *session) dialBack(ctx context.Context, l net.Listener, address netip.Addr) error {
	const size = 16
	var sent, got [size]byte
	_, _ = rand.Read(sent[:]) // never fails
	there := netip.AddrPortFrom(address, addrOf(l.Addr()).Port())
	out, err := s.remote.DialContext(ctx, "tcp", there.String())
	if err != nil {
		return err
	}
	defer out.Close()
	stop := context.AfterFunc(ctx, func() { _, _ = l.Close(), out.Close() })
	defer stop()
	if _, err := out.Write(sent[:]); err != nil {
		return err
	}
	in, err := l.Accept()
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	defer in.Close()
	defer context.AfterFunc(ctx, func() { _ = in.Close() })()
	if _, err := io.ReadFull(in, got[:]); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	if subtle.ConstantTimeCompare(sent[:], got[:]) != 1 {
		return errors.New("another connection arrived in its place")
	}
	return nil
}
