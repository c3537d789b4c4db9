package ftpfwd

import (
	"net/netip"
	"slices"
)

// A ServerMode says which ways a [Forwarder] may use to open data connections
// with the server, whatever its clients use.
type ServerMode string

const (
	Auto    ServerMode = "auto"    // as the client asks, and another way where that is refused or fails
	Passive ServerMode = "passive" // EPSV and PASV only
	Active  ServerMode = "active"  // EPRT and PORT only
)

// A way is a command that makes the server's half of a path. One that names an
// address comes in two families.
type way struct {
	verb string // EPSV, PASV, EPRT, PORT
	ipv6 bool   // of EPRT
}

func (w way) passive() bool { return verbKinds[w.verb] == verbPassive }

var (
	epsv  = way{verb: "EPSV"}
	pasv  = way{verb: "PASV"}
	port  = way{verb: "PORT"}
	eprt4 = way{verb: "EPRT"}
	eprt6 = way{verb: "EPRT", ipv6: true}
)

// waysFor returns the ways to try for a command of the client's, in order: its
// own; the other spelling; another mode (RFC 6384 is about such translations).
// Ways that have failed with this server come last. A client without a command
// has its data sent to its default port.
func (s *session) waysFor(asked string) []way {
	own := way{verb: asked, ipv6: asked == "EPRT" && s.clientEnd.Is6()}
	passive, active := []way{epsv, pasv}, s.activeWays()
	ways := slices.Concat(passive, active)
	switch {
	case s.onlyEPSV:
		return []way{own}
	case s.f.ServerMode == Passive:
		ways = passive
	case s.f.ServerMode == Active:
		ways = active
	case verbKinds[asked] == verbActive && len(active) > 0:
		ways = slices.Concat(active, passive)
	}
	if i := slices.Index(ways, own); i >= 0 {
		ways = slices.Insert(slices.Delete(ways, i, i+1), 0, own)
	}
	return s.target.known.sort(ways)
}

// activeWays returns the ways in which the server can connect to the gateway:
// in the family of the address that it would connect to, if that is known. A
// server elsewhere could not come back without such an address.
func (s *session) activeWays() []way {
	v4, v6 := []way{port, eprt4}, []way{eprt6}
	address := s.f.ActiveAddress
	if !address.IsValid() {
		if !s.target.onGateway() {
			return nil
		}
		address, _ = netip.ParseAddr(s.target.host)
	}
	switch {
	case address.Is4():
		return v4
	case address.Is6():
		return v6
	case s.clientEnd.Is6():
		return slices.Concat(v6, v4)
	default:
		return slices.Concat(v4, v6)
	}
}
