package ftpfwd

import (
	"net/netip"
	"slices"
)

// A ServerMode says with which methods a [Forwarder] may open data connections
// with the server, whatever its clients use.
type ServerMode string

const (
	Auto    ServerMode = "auto"    // the client's, and another where that is refused or fails
	Passive ServerMode = "passive" // EPSV and PASV only
	Active  ServerMode = "active"  // EPRT and PORT only
	Exact   ServerMode = "client"  // the client's only: nothing is translated, and nothing remembered
)

// A method is a command that opens data connections with the server. One that
// names an address comes in two families.
type method struct {
	verb string // EPSV, PASV, EPRT, PORT
	ipv6 bool   // of EPRT
}

// String names the method in errors.
func (m method) String() string {
	if m.ipv6 {
		return m.verb + " (IPv6)"
	}
	return m.verb
}

func (m method) passive() bool { return verbKinds[m.verb] == verbPassive }

var (
	epsv  = method{verb: "EPSV"}
	pasv  = method{verb: "PASV"}
	port  = method{verb: "PORT"}
	eprt4 = method{verb: "EPRT"}
	eprt6 = method{verb: "EPRT", ipv6: true}
)

// methodsFor returns the methods to try for a command of the client's, in order:
// its own; the other of the same mode; those of the other mode (RFC 6384 is
// about such translations). Methods that have failed with this server come last.
// For a client without a command, whose data goes to its default port, the verb
// is empty.
func (s *session) methodsFor(verb string) []method {
	own := method{verb: verb, ipv6: verb == "EPRT" && s.clientEnd.Is6()}
	passive, active := []method{epsv, pasv}, s.activeMethods()
	methods := slices.Concat(passive, active)
	switch {
	case s.params.onlyEPSV && verb == "":
		return []method{epsv}
	case s.params.onlyEPSV:
		return []method{own}
	case s.f.ServerMode == Exact && !own.passive() && len(active) == 0:
		return nil // the server could not connect to the address of a listener
	case s.f.ServerMode == Exact:
		return []method{own}
	case s.f.ServerMode == Passive:
		methods = passive
	case s.f.ServerMode == Active:
		methods = active
	case verbKinds[verb] == verbActive && len(active) > 0:
		methods = slices.Concat(active, passive)
	}
	if i := slices.Index(methods, own); i >= 0 {
		methods = slices.Insert(slices.Delete(methods, i, i+1), 0, own)
	}
	return s.methods.sort(s.unsupported.sort(methods))
}

// activeMethods returns the methods with which the server can connect to the
// gateway: in the family of the address that it would connect to, if that is
// known. A server on another host could not connect without such an address.
func (s *session) activeMethods() []method {
	v4, v6 := []method{port, eprt4}, []method{eprt6}
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
