package ftpfwd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// maxPaths bounds the paths, and so the data listeners, of a session.
const maxPaths = 4

// A dataPath is how the data connections of one PASV, EPSV, PORT or EPRT get
// from the client to the server. It has an endpoint on each side, which listens
// or dials:
//
//	                  server's endpoint dials   server's endpoint listens
//	client's listens  passive, passive          passive, active
//	client's dials    active, passive           active, active
type dataPath struct {
	number       int     // in the order of the commands
	asked        command // the client's command; without a verb if it sent none
	line         []byte  // as it was received
	clientMethod string  // the verb that the client's endpoint comes from; empty for its default data port
	serverMethod string  // likewise the server's; empty until the server has accepted it
	state        pathState
	owed         bool // the client waits for the reply to asked
	foreign      bool // the command named another host: no data connection comes here

	method     method   // that opens the server's endpoint, or is tried
	left       []method // that can be tried if it fails, while no transfer was commanded
	unanswered int      // methods without a reply
	refusal    string   // the server's reply to the client's own command
	failed     failures // why other methods failed

	client, server endpoint
	named          netip.AddrPort // the address in the server's 227, if it is not the one that is dialled
	live           *dataConn      // one at a time (RFC 959, 3.3); others are rejected
	broken         failure        // why the last attempt to open a connection failed, until another succeeds
	used           bool           // a connection has arrived
	commanded      bool           // a transfer command has gone out
	waiting        int            // transfers for which the server may still connect
	gather         waitState      // of a transfer command, for its client to connect
	timers         *timers        // of the session
	idle           timer          // for the first connection
	gatherBy       timer
	candidate      candidate
}

// A pathState says how far a dataPath is open. One that no longer works may be
// asked for anew, by another method.
//
//	    ┌────────────────────────────────┐
//	asking ◀──▶ listening                ▼
//	    ├───────────────▶ dialing ──▶ ready ──▶ closed
//	    ◀────────────────────┴───────────┘
//
// Every state may be followed by closed.
type pathState int

const (
	asking    pathState = iota // for the server's reply to PASV, EPSV, PORT or EPRT
	listening                  // the gateway is asked for the listener that PORT or EPRT names
	dialing                    // both endpoints dial: the connection to the server is being made
	ready                      // the client has its reply, and data connections may come
	closed                     // nothing is accepted or dialled any more
)

func (p pathState) String() string {
	return [...]string{"asking", "listening", "dialing", "ready", "closed"}[p]
}

// enter moves p to another state.
func (p *dataPath) enter(next pathState) {
	ok := next == closed || next == asking || p.state == next
	switch p.state {
	case asking:
		ok = true
	case listening:
		ok = ok && next != ready
	case dialing:
		ok = ok || next == ready
	case closed:
		ok = next == closed
	}
	if !ok {
		panic(impossible{"data path", p.state, next})
	}
	p.state = next
}

// A waitState says whether a command has waited for something else to happen
// first. It does so once.
type waitState int

const (
	notWaited waitState = iota
	waiting             // commands are held
	waited
)

// An endpoint is one end of a dataPath. The zero value is neither listening nor
// dialling.
type endpoint struct {
	listener net.Listener   // where it listens
	address  string         // where it dials
	from     netip.AddrPort // what it dials from, if that matters
}

func (e endpoint) listens() bool { return e.listener != nil }

func (e endpoint) dials() bool { return e.address != "" }

// at returns where a listening endpoint is.
func (e endpoint) at() netip.AddrPort { return addrOf(e.listener.Addr()) }

// native reports whether the server was asked with the client's own command,
// and the reply is the client's.
func (p *dataPath) native() bool { return p.owed && p.method.verb == p.asked.verb }

// dialsBoth reports whether no endpoint listens. Such a path has the one data
// connection that was made when it was opened.
func (p *dataPath) dialsBoth() bool { return !p.foreign && !p.client.listens() && !p.server.listens() }

// spent reports whether p can carry nothing more, unlike one that listens.
func (p *dataPath) spent() bool { return p.dialsBoth() && (p.live == nil || p.live.complete()) }

// closeServer closes the server's endpoint: another is to take its place.
func (p *dataPath) closeServer() {
	if p.server.listens() {
		if l, ok := p.server.listener.(interface{ Settle() }); ok && p.waiting == 0 {
			l.Settle()
		}
		_ = p.server.listener.Close()
	}
	p.server = endpoint{}
}

// close stops listening. A connection that carries a transfer continues; one that
// waits for a transfer command is closed.
func (p *dataPath) close() {
	p.enter(closed)
	p.timers.stop(&p.idle)
	p.timers.stop(&p.gatherBy)
	p.dropCandidate()
	p.closeServer()
	if p.client.listens() {
		_ = p.client.listener.Close()
	}
	if p.live != nil && p.live.transfer == nil {
		p.live.close()
	}
}

// listenLocally makes the client's endpoint listen, at the address that the
// client connected to: that is where it expects data connections.
func (p *dataPath) listenLocally(ctx context.Context, s *session) error {
	l, err := s.local.Listen(ctx, "tcp", netip.AddrPortFrom(s.clientEnd, 0).String())
	if err != nil {
		return err
	}
	p.client = endpoint{listener: l}
	s.spawn(func() { p.accept(s, Client, l) })
	return nil
}

// listenRemotely makes the server's endpoint listen.
func (p *dataPath) listenRemotely(s *session, l net.Listener) {
	p.server = endpoint{listener: l}
	s.spawn(func() { p.accept(s, Server, l) })
}

// serverEndpoint is where the server's endpoint dials for a port that a reply
// names: on the very host that the control connection was dialled with, so that
// what permits the one permits the other, and so that a server cannot choose
// what is connected to inside its network (RFC 2577, 4).
func (s *session) serverEndpoint(a netip.AddrPort) endpoint {
	host := s.target.host
	switch {
	case s.f.followsReply(a.Addr()):
		host = a.Addr().String()
	case s.at.IsValid():
		host = s.at.String()
	}
	return endpoint{address: net.JoinHostPort(host, strconv.Itoa(int(a.Port())))}
}

// warnForeignAddress reports once that a server names an address which is not
// the one that is dialled: behind NAT that is a remedy, but a server meant to
// spread its data over other hosts does not work.
func (s *session) warnForeignAddress(a announcement) {
	addr := a.addr.Addr()
	if s.foreign || !addr.IsValid() || addr.IsUnspecified() || addr.String() == s.target.host ||
		(addr.IsLoopback() && s.target.onGateway()) || s.f.followsReply(addr) {
		return
	}
	s.foreign = true
	s.source.warn(ForeignAddress, "the server names another host for its data connections", fmt.Errorf("%v is named, %s is dialled", addr, s.target.host))
}

// accept reports the connections to one endpoint of p until its listener is
// closed.
func (p *dataPath) accept(s *session, side Side, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		e := arrived{path: p, side: side, conn: c}
		if side == Client {
			e.err = s.checkData(c) // at once: of a connection that is closed nobody can find the owner
		}
		if !s.post(e) {
			reset(c)
			return
		}
	}
}

// dataPaths are the open paths of a session, in the order of their commands.
type dataPaths []*dataPath

// newest returns the last path, or nil.
func (ps dataPaths) newest() *dataPath {
	if len(ps) == 0 {
		return nil
	}
	return ps[len(ps)-1]
}

// add adds p. The paths before it stay until the server has accepted p: a
// refused PASV or PORT may leave the old one valid.
func (ps *dataPaths) add(p *dataPath) {
	if slices.Contains(*ps, p) {
		return
	}
	i := len(*ps)
	for i > 0 && (*ps)[i-1].number > p.number {
		i-- // a command was sent behind p's before that was answered
	}
	*ps = slices.Insert(*ps, i, p)
	if len(*ps) > maxPaths {
		oldest := (*ps)[0]
		if oldest == p {
			oldest = (*ps)[1]
		}
		ps.drop(oldest)
	}
}

// supersede closes the paths before p.
func (ps *dataPaths) supersede(p *dataPath) {
	for len(*ps) > 0 && (*ps)[0] != p {
		ps.drop((*ps)[0])
	}
}

// drop closes p.
func (ps *dataPaths) drop(p *dataPath) {
	p.close()
	*ps = slices.DeleteFunc(*ps, func(other *dataPath) bool { return other == p })
}

// awaitFirst closes p if nobody connects to it in time.
func (s *session) awaitFirst(p *dataPath) {
	if p.used || p.foreign {
		return
	}
	s.timers.startOnce(&p.idle, s.f.dataTimeout(), func() {
		s.paths.drop(p)
	})
}
