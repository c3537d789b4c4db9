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
	case c.argument == "":
		s.pass(c, line, &request{kind: verbOther}) // it names nothing: the server says why it refuses
	case err != nil:
		s.refuse(c, fmt.Sprintf("501 %s refused: %v", c.verb, err))
	case !sameHost(s.clientPeer, address.Addr()) && s.f.ForeignPorts:
		s.foreignPort(c, line)
	case !sameHost(s.clientPeer, address.Addr()):
		s.refuse(c, fmt.Sprintf("500 %s refused: %v is not your address", c.verb, address.Addr()))
	case address.Port() < 1024:
		s.refuse(c, fmt.Sprintf("501 %s refused: port %d is below 1024", c.verb, address.Port()))
	default:
		s.open(ctx, &dataPath{asked: c, line: line, owed: true, clientMethod: c.verb, client: endpoint{address: address.String()}})
	}
}

// foreignPort passes on a PORT or EPRT that names another host: the server's data
// connections are none of ours until the next such command.
func (s *session) foreignPort(c command, line []byte) {
	s.opened++
	p := &dataPath{number: s.opened, timers: &s.timers, asked: c, foreign: true, clientMethod: c.verb, serverMethod: c.verb}
	s.pass(c, line, &request{kind: verbActive, path: p, answer: func(ctx context.Context, line []byte, l replyLine) disposition {
		if l.positive() {
			s.pathReady(ctx, p)
		} else {
			s.rebind(p)
		}
		return relay(line)
	}})
}

// sameHost reports whether address is the client's own: the one that it connects
// from or, if it is on this machine, any of this machine's.
func sameHost(client, address netip.Addr) bool {
	return address == client || (client.IsLoopback() && owns(address))
}

// listenFor opens the remote listener that a PORT or EPRT needs: on the gateway's
// loopback, where a server on that host expects a client that connected from
// there, or at the address that is configured for servers on other hosts.
func (s *session) listenFor(ctx context.Context, p *dataPath) {
	r := remoteListener{network: s.remote, active: s.f.ActiveAddress, ipv6: p.method.ipv6, methods: s.methods}
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, s.f.dialTimeout())
		defer cancel()
		l, err := r.listen(ctx)
		if !s.post(listened{path: p, listener: l, err: err}) && l != nil {
			_ = l.Close()
		}
	})
}

// A remoteListener is a listener on the gateway that is to be opened. It runs
// in a goroutine of its own, and so knows nothing of the session.
type remoteListener struct {
	network Network
	active  netip.Addr // [Forwarder].ActiveAddress
	ipv6    bool
	methods *serverMethods
}

func (r remoteListener) listen(ctx context.Context) (net.Listener, error) {
	address := r.active
	switch {
	case address.IsValid():
	case r.ipv6:
		address = netip.IPv6Loopback()
	default:
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	l, err := r.network.Listen(ctx, "tcp", netip.AddrPortFrom(address, 0).String())
	if err != nil || address != r.active || r.methods.addressTested() {
		return l, err
	}
	if err := r.dialBack(ctx, l); err != nil {
		_ = l.Close()
		return nil, &ActiveAddressError{address, err}
	}
	r.methods.addressWorks()
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

// dialBack connects to l at the active address, through the gateway: a gateway that grants
// an address does not always listen there. A random number tells our own
// connection from another's.
func (r remoteListener) dialBack(ctx context.Context, l net.Listener) error {
	const size = 16
	var sent, got [size]byte
	_, _ = rand.Read(sent[:]) // never fails
	there := netip.AddrPortFrom(r.active, addrOf(l.Addr()).Port())
	out, err := r.network.DialContext(ctx, "tcp", there.String())
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
