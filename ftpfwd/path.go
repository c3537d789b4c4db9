package ftpfwd

import (
	"context"
	"net"
	"net/netip"
	"strconv"
)

// A path is how the data connections of one PASV, EPSV, PORT or EPRT get from
// the client to the server: a half on each side, and a listener on one.
type path struct {
	mode           string // the command that asked for it
	client, server half
	live           *dataConn // one at a time (RFC 959, 3.3); others are turned away
	broken         error     // why the last attempt to open one failed, until another succeeds
	used           bool      // a connection has arrived
	closed         bool
}

// A half is one side of a path. A passive half waits at its listener; an
// active one dials.
type half struct {
	network  Network
	listener net.Listener // nil if the half dials
	address  string       // where it dials
}

// openPassive listens for the client, and will dial port on the server's host:
// the very string that the control connection was dialled with, so that what
// permits the one permits the other, and so that a server cannot choose what we
// connect to inside its network (RFC 2577, 4). The listener is at the address
// that the client reached us at, which is where it expects it.
func (s *session) openPassive(ctx context.Context, mode string, port uint16) (*path, error) {
	l, err := s.local.Listen(ctx, "tcp", netip.AddrPortFrom(s.clientEnd, 0).String())
	if err != nil {
		return nil, err
	}
	return &path{
		mode:   mode,
		client: half{network: s.local, listener: l},
		server: half{network: s.f.Remote, address: net.JoinHostPort(s.serverHost, strconv.Itoa(int(port)))},
	}, nil
}

// openActive listens for the server, and will dial the client at address. The
// far end's loopback of the same family is where a server on that host expects
// a client that reached it from there.
func (s *session) openActive(ctx context.Context, mode string, address netip.AddrPort) (*path, error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if address.Addr().Is6() {
		loopback = netip.IPv6Loopback()
	}
	l, err := s.f.Remote.Listen(ctx, "tcp", netip.AddrPortFrom(loopback, 0).String())
	if err != nil {
		return nil, err
	}
	return &path{
		mode:   mode,
		client: half{network: s.local, address: address.String()},
		server: half{network: s.f.Remote, listener: l},
	}, nil
}

// listener returns the listener of the half that waits, and that half's side.
func (p *path) listener() (net.Listener, string) {
	if p.client.listener != nil {
		return p.client.listener, "client"
	}
	return p.server.listener, "server"
}

// address returns where p's listener is.
func (p *path) address() netip.AddrPort {
	l, _ := p.listener()
	return addrOf(l.Addr())
}

// accept reports p's connections to s until its listener is closed.
func (p *path) accept(s *session) {
	l, side := p.listener()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if !s.post(arrived{path: p, side: side, conn: c}) {
			reset(c)
			return
		}
	}
}

// close stops listening. A connection that carries a transfer goes on; one that
// waits for a transfer command never gets one.
func (p *path) close() {
	if p.closed {
		return
	}
	p.closed = true
	l, _ := p.listener()
	_ = l.Close()
	if p.live != nil && p.live.transfer == nil {
		p.live.close()
	}
}
