package ftptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// openAtMost bounds the wait for a data connection.
const openAtMost = 30 * time.Second

// An opening is how the next data connection comes about: it is accepted
// (passive) or dialled (active).
type opening struct {
	network  Network
	listener net.Listener   // nil if active
	peer     netip.Addr     // the client
	address  netip.AddrPort // where an active one is dialled
}

// open returns the data connection. A connection from elsewhere than the
// client's address is closed, and the wait goes on.
func (o *opening) open(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, openAtMost)
	defer cancel()
	if o.listener == nil {
		return o.network.DialContext(ctx, "tcp", o.address.String())
	}
	defer o.listener.Close()
	defer context.AfterFunc(ctx, func() { _ = o.listener.Close() })()
	for {
		conn, err := o.listener.Accept()
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err() // the reason why the listener is closed
		}
		if err != nil {
			return nil, err
		}
		if addressOf(conn.RemoteAddr()).Addr() == o.peer {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// prepareData carries out the commands that prepare a data connection, and
// reports whether verb is one.
func (s *session) prepareData(verb, argument string) bool {
	switch verb {
	case "EPSV":
		s.extendedPassive(strings.ToUpper(argument))
		return true
	case "PASV", "PORT", "EPRT":
	default:
		return false
	}
	named := s.server.Dialect.Named
	switch {
	case s.onlyEPSV:
		s.reply(503, "Only EPSV is allowed after EPSV ALL")
	case verb != "EPRT" && !s.own.Is4():
		s.reply(522, "Not on IPv6; use EPSV or EPRT")
	case verb == "PASV":
		s.listen(227, func(p netip.AddrPort) string {
			if named.IsValid() {
				p = netip.AddrPortFrom(named, p.Port())
			}
			numbers := fmt.Sprintf("%s,%d,%d", strings.ReplaceAll(p.Addr().String(), ".", ","), p.Port()>>8, p.Port()&0xff)
			return fmt.Sprintf(or(s.server.Dialect.Passive, "Passive mode (%s)"), numbers)
		})
	case verb == "PORT":
		s.dialAt(parsePort(argument))
	default:
		s.dialAt(parseExtended(argument))
	}
	return true
}

func (s *session) extendedPassive(argument string) {
	own := "1"
	if s.own.Is6() {
		own = "2"
	}
	switch argument {
	case "ALL":
		s.onlyEPSV = true
		s.reply(200, "Only EPSV from now on")
	case "", own:
		s.listen(229, func(p netip.AddrPort) string {
			return fmt.Sprintf(or(s.server.Dialect.ExtendedPassive, "Passive mode (|||%d|)"), p.Port())
		})
	default:
		s.reply(522, "Only protocol (%s) here", own)
	}
}

// listen waits for the client at the address that it reached us at.
func (s *session) listen(code int, describe func(netip.AddrPort) string) {
	s.dropOpening()
	l, err := s.server.network().Listen(context.Background(), "tcp", netip.AddrPortFrom(s.own, 0).String())
	if err != nil {
		s.reply(425, "Cannot listen: %v", err)
		return
	}
	s.data = &opening{network: s.server.network(), listener: l, peer: s.peer}
	s.reply(code, "%s", describe(addressOf(l.Addr())))
}

// dialAt will connect to the client at address, which must be its own and no
// well-known port (RFC 2577, 3).
func (s *session) dialAt(address netip.AddrPort, err error) {
	switch {
	case err != nil:
		s.reply(501, "%v", err)
	case address.Addr() != s.peer:
		s.reply(500, "No connection to %v, only to %v", address.Addr(), s.peer)
	case address.Port() < 1024:
		s.reply(500, "No connection to port %d, below 1024", address.Port())
	default:
		s.dropOpening()
		s.data = &opening{network: s.server.network(), peer: s.peer, address: address}
		s.say(s.server.Dialect.Port, 200, "Will connect to %v", address)
	}
}

// dropOpening forgets what an earlier command has prepared, and closes a data
// connection that was kept.
func (s *session) dropOpening() {
	if s.kept != nil {
		_ = s.kept.Close()
		s.kept = nil
	}
	if s.data != nil && s.data.listener != nil {
		_ = s.data.listener.Close()
	}
	s.data = nil
}

// parsePort reads h1,h2,h3,h4,p1,p2 (RFC 959, 4.1.2).
func parsePort(argument string) (netip.AddrPort, error) {
	var n [6]byte
	fields := strings.Split(argument, ",")
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 8)
		if err != nil || len(fields) != len(n) {
			return netip.AddrPort{}, errors.New("not six numbers from 0 to 255")
		}
		n[i] = byte(v)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5])), nil
}

// parseExtended reads |protocol|address|port| (RFC 2428, 2).
func parseExtended(argument string) (netip.AddrPort, error) {
	malformed := errors.New("not |protocol|address|port|")
	if argument == "" {
		return netip.AddrPort{}, malformed
	}
	f := strings.Split(argument, argument[:1])
	if len(f) != 5 {
		return netip.AddrPort{}, malformed
	}
	address, err := netip.ParseAddr(f[2])
	port, portErr := strconv.ParseUint(f[3], 10, 16)
	if err != nil || portErr != nil || (f[1] != "1" || !address.Is4()) && (f[1] != "2" || !address.Is6()) {
		return netip.AddrPort{}, malformed
	}
	return netip.AddrPortFrom(address, uint16(port)), nil
}
