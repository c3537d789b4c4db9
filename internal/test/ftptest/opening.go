package ftptest

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
)

// openAtMost bounds the wait for a data connection.
const openAtMost = 30 * time.Second

// An opening is how the next data connection is made: it is open already, accepted
// (passive) or dialled (active).
type opening struct {
	conn     net.Conn
	listener net.Listener   // nil if active
	accepted chan accepted  // nil before accept
	peer     netip.Addr     // the client, if passive
	network  Network        // if active
	from, to netip.AddrPort // if active
	within   time.Duration
}

type accepted struct {
	conn net.Conn
	err  error
}

// accept starts to accept. It closes connections from other addresses than the
// client's.
func (o *opening) accept() {
	o.accepted = make(chan accepted, 1)
	go func() {
		defer o.listener.Close()
		for {
			conn, err := o.listener.Accept()
			if err != nil || addressOf(conn.RemoteAddr()).Addr() == o.peer {
				o.accepted <- accepted{conn, err}
				return
			}
			_ = conn.Close()
		}
	}()
}

// isOpen reports whether the data connection is open.
func (o *opening) isOpen() bool {
	if o.conn == nil && o.accepted != nil {
		select {
		case a := <-o.accepted:
			o.conn = a.conn
			o.accepted <- a
		default:
		}
	}
	return o.conn != nil
}

// open returns the data connection.
func (o *opening) open(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, o.within)
	defer cancel()
	switch {
	case o.conn != nil:
		return o.conn, nil
	case o.listener == nil:
		return dial(ctx, o.network, o.from, o.to)
	case o.accepted == nil:
		o.accept()
	}
	select {
	case a := <-o.accepted:
		return a.conn, a.err
	case <-ctx.Done():
		o.drop()
		return nil, ctx.Err()
	}
}

// drop closes the listener and the connection.
func (o *opening) drop() {
	if o.listener != nil {
		_ = o.listener.Close()
	}
	if o.accepted != nil {
		o.conn = (<-o.accepted).conn
	}
	if o.conn != nil {
		_ = o.conn.Close()
	}
}

// prepareData carries out the commands that prepare a data connection, and
// reports whether verb is one.
func (s *session) prepareData(ctx context.Context, verb, argument string) bool {
	var address netip.AddrPort
	var err error
	switch verb {
	case "EPSV":
		s.extendedPassive(ctx, strings.ToUpper(argument))
		return true
	case "PASV", "LPSV":
	case "PORT":
		address, err = parsePort(argument)
	case "EPRT":
		address, err = parseExtended(argument)
	case "LPRT":
		address, err = parseLong(argument)
	default:
		return false
	}
	own := s.own.Addr()
	switch {
	case s.onlyEPSV:
		s.reply(503, "Only EPSV is allowed after EPSV ALL")
	case verb == "PORT" && !own.Is4(), verb == "PASV" && !own.Is4() && !s.dialect.PassiveOnIPv6:
		s.reply(522, "Not on IPv6; use EPSV or EPRT")
	case verb == "PASV":
		s.listen(ctx, 227, "Passive mode ({tuple})")
	case verb == "LPSV":
		s.listen(ctx, 228, "Entering Long Passive Mode ({long})")
	default:
		s.dialAt(ctx, address, err)
	}
	return true
}

func (s *session) extendedPassive(ctx context.Context, argument string) {
	own := "1"
	if s.own.Addr().Is6() {
		own = "2"
	}
	switch argument {
	case "ALL":
		s.onlyEPSV = true
		s.reply(200, "Only EPSV from now on")
	case "", own:
		s.listen(ctx, 229, "Passive mode (|||{port}|)")
	default:
		s.reply(522, "Only protocol (%s) here", own)
	}
}

// listen listens at the address of the control connection, and replies.
func (s *session) listen(ctx context.Context, code int, text string) {
	s.dropData()
	l, err := s.server.network().Listen(ctx, "tcp", netip.AddrPortFrom(s.own.Addr(), 0).String())
	if err != nil {
		s.reply(425, "Cannot listen: %v", err)
		return
	}
	s.data = &opening{listener: l, peer: s.peer.Addr(), within: openAtMost}
	if s.dialect.ConnectWithin > 0 {
		s.data.within = s.dialect.ConnectWithin
	}
	if s.dialect.Prompt {
		s.data.accept()
	}
	announced := addressOf(l.Addr())
	if m := s.dialect.Masquerade; m.IsValid() && code != 229 {
		announced = netip.AddrPortFrom(m, announced.Port())
	}
	values := places(announced)
	s.answer(s.command, code, s.fill(text, s.command, values...), values...)
}

// dialAt prepares to connect to the client at address, which must be the client's
// own, with a port of 1024 or above (RFC 2577, 3).
func (s *session) dialAt(ctx context.Context, address netip.AddrPort, err error) {
	switch peer := s.peer.Addr(); {
	case err != nil:
		s.reply(501, "%v", err)
		return
	case address.Addr() != peer:
		s.reply(500, "No connection to %v, only to %v", address.Addr(), peer)
		return
	case address.Port() < 1024:
		s.reply(500, "No connection to port %d, below 1024", address.Port())
		return
	}
	s.dropData()
	o := s.active(address)
	if s.dialect.EarlyConnect {
		if o.conn, err = o.open(ctx); err != nil {
			s.reply(425, "%v", err)
			return
		}
	}
	s.data = o
	s.reply(200, "Will connect to %v", address)
}

// active returns the opening of a connection to a client's address.
func (s *session) active(address netip.AddrPort) *opening {
	o := &opening{network: s.server.network(), to: address, within: openAtMost}
	o.from = netip.AddrPortFrom(s.own.Addr(), 0)
	if s.dialect.DefaultPort {
		o.from = netip.AddrPortFrom(s.own.Addr(), s.own.Port()-1)
	}
	return o
}

// nextOpening returns the opening of the next data connection; nil if no command
// has prepared one.
func (s *session) nextOpening() *opening {
	o := s.data
	switch {
	case s.kept != nil:
		o = &opening{conn: s.kept, within: openAtMost}
		s.kept = nil
	case o == nil && s.dialect.DefaultPort:
		o = s.active(s.peer)
	case o != nil && o.listener == nil && s.dialect.KeepPort:
		s.data = s.active(o.to)
	default:
		s.data = nil
	}
	return o
}

// dropData closes what an earlier command has prepared, and the data connection
// that block mode has kept.
func (s *session) dropData() {
	if s.data != nil {
		s.data.drop()
	}
	s.data = nil
	s.dropKept()
}

func (s *session) dropKept() {
	if s.kept != nil {
		_ = s.kept.Close()
	}
	s.kept = nil
}
