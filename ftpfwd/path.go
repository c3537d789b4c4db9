package ftpfwd

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// A path is how the data connections of one PASV, EPSV, PORT or EPRT get from
// the client to the server: a half on each side. Either half waits or dials:
//
//	                 the server's half dials   the server's half waits
//	client's waits   passive, passive          passive, active
//	client's dials   active, passive           active, active
type path struct {
	mode           string // the client's command; empty for its default data port
	number         int    // in the order of the commands
	way            way    // how the server's half came about
	left           []way  // what else can be tried, while no transfer has been commanded
	client, server half
	live           *dataConn // one at a time (RFC 959, 3.3); others are turned away
	broken         error     // why the last attempt to open one failed, until another succeeds
	brokenLeg      Side      // where
	used           bool      // a connection has arrived
	gathered       bool      // a transfer command has waited for the client to connect
	commanded      bool      // one has gone out
	closed         bool
}

// A half is one side of a path.
type half struct {
	listener net.Listener   // where it waits; nil if it dials
	address  string         // where it dials
	from     netip.AddrPort // what it dials from, if that matters
}

func (h half) waits() bool { return h.listener != nil }

// at returns where a half waits.
func (h half) at() netip.AddrPort { return addrOf(h.listener.Addr()) }

// dialsBoth reports whether both halves dial. Such a path has the one data
// connection that was made when it was opened.
func (p *path) dialsBoth() bool { return !p.client.waits() && !p.server.waits() }

// spent reports whether p can carry nothing more, unlike a listener.
func (p *path) spent() bool {
	return p.dialsBoth() && (p.live == nil || p.live.complete())
}

// listenHere makes the client's half wait, at the address that the client
// reached us at: that is where it expects us.
func (s *session) listenHere(ctx context.Context, p *path) error {
	l, err := s.local.Listen(ctx, "tcp", netip.AddrPortFrom(s.clientEnd, 0).String())
	if err != nil {
		return err
	}
	p.client.listener = l
	s.spawn(func() { s.accept(p, Client, l) })
	return nil
}

// listenThere makes the server's half wait.
func (s *session) listenThere(p *path, l net.Listener) {
	p.server = half{listener: l}
	s.spawn(func() { s.accept(p, Server, l) })
}

// serverAt is where the server's half dials for a port that a reply names: on
// the very host that the control connection was dialled with, so that what
// permits the one permits the other, and so that a server cannot choose what we
// connect to inside its network (RFC 2577, 4).
func (s *session) serverAt(a netip.AddrPort) half {
	host := s.target.host
	if s.f.followsReply(a.Addr()) {
		host = a.Addr().String()
	}
	return half{address: net.JoinHostPort(host, strconv.Itoa(int(a.Port())))}
}

// accept reports the connections of one half of p until its listener is closed.
func (s *session) accept(p *path, side Side, l net.Listener) {
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

// forsake closes the server's half: another is to take its place.
func (p *path) forsake() {
	if p.server.waits() {
		_ = p.server.listener.Close()
	}
	p.server = half{}
}

// close stops listening. A connection that carries a transfer goes on; one that
// waits for a transfer command never gets one.
func (p *path) close() {
	p.closed = true
	p.forsake()
	if p.client.waits() {
		_ = p.client.listener.Close()
	}
	if p.live != nil && p.live.transfer == nil {
		p.live.close()
	}
}

// path returns the newest path, or nil.
func (s *session) path() *path {
	if len(s.paths) == 0 {
		return nil
	}
	return s.paths[len(s.paths)-1]
}

// addPath makes p the newest path. Those before it stay until the server has
// accepted p: a refused PASV or PORT may leave the old one valid.
func (s *session) addPath(p *path) {
	if slices.Contains(s.paths, p) {
		return
	}
	p.closed = false
	i := len(s.paths)
	for i > 0 && s.paths[i-1].number > p.number {
		i-- // a command was sent behind p's before that was answered
	}
	s.paths = slices.Insert(s.paths, i, p)
	if len(s.paths) > maxPaths {
		oldest := s.paths[0]
		if oldest == p {
			oldest = s.paths[1]
		}
		s.dropPath(oldest)
	}
	s.alarms.in(p, s.f.dataTimeout(), func() {
		if !p.used {
			s.dropPath(p)
		}
	})
}

// supersede closes the paths before p.
func (s *session) supersede(p *path) {
	for len(s.paths) > 0 && s.paths[0] != p {
		s.dropPath(s.paths[0])
	}
}

func (s *session) dropPath(p *path) {
	p.close()
	s.alarms.cancel(p)
	for i, other := range s.paths {
		if other == p {
			s.paths = append(s.paths[:i], s.paths[i+1:]...)
			return
		}
	}
}
