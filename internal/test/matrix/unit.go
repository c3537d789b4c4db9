package matrix

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A unit is what one site is built for: the clients that it is to serve.
type unit struct {
	server  *Server
	carrier Carrier
	route   Route
	clients []mode
}

// A mode is a client in one of its modes.
type mode struct {
	*Client
	Mode
}

func (m mode) title() string { return strings.TrimSpace(m.Client.Name + " " + m.Mode.Name) }

// modes returns all clients in all their modes.
func modes(clients []*Client) []mode {
	var all []mode
	for _, c := range clients {
		for _, m := range c.Modes {
			all = append(all, mode{c, m})
		}
	}
	return all
}

// applies reports whether there is such a thing as the client in its mode at
// this server over this route.
func (m mode) applies(s *Server, r Route) bool {
	switch {
	case r.Client6 && (m.NoIPv6 || m.IPv4Only):
		return false
	case r.Server6 && s.NoIPv6:
		return false
	default:
		return !m.ServerZ || s.ModeZ
	}
}

// measure runs all units, several at once, and returns the results.
func measure(t *testing.T, binary string, units []unit) Results {
	results := Results{}
	var mu sync.Mutex
	t.Run("cells", func(t *testing.T) {
		for _, u := range units {
			t.Run(fmt.Sprintf("%s/%v/%s", u.server.Name, u.route, u.carrier), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, binary, u.server, u.carrier, u.route)
				for _, m := range u.clients {
					if !m.applies(u.server, u.route) {
						continue
					}
					outcomes := s.measure(m.Client, m.Mode)
					k := s.key
					k.Client = m.title()
					mu.Lock()
					results[k] = outcomes
					mu.Unlock()
				}
			})
		}
	})
	return results
}

// fullUnits are the whole matrix: each client in each mode at each server over
// each carrier; where client and server speak different address families, one
// client in each mode.
func fullUnits(servers []*Server, clients []mode) []unit {
	var mixed []mode
	for _, m := range clients {
		if m.Client.Name == "curl" {
			mixed = append(mixed, m)
		}
	}
	var units []unit
	for _, s := range servers {
		for _, r := range Routes {
			if s.NoIPv6 && (r.Client6 || r.Server6) {
				continue
			}
			if r.Client6 == r.Server6 {
				units = append(units, unit{s, Direct, r, clients}, unit{s, OpenSSH, r, clients}, unit{s, Dropbear, r, clients})
			} else {
				units = append(units, unit{s, OpenSSH, r, mixed}, unit{s, Dropbear, r, mixed})
			}
		}
	}
	return units
}

// sliceUnits touch each server, each client in each mode, and each carrier, at
// least once.
func sliceUnits(servers []*Server, clients []mode) []unit {
	units := make([]unit, len(servers))
	for i, s := range servers {
		units[i] = unit{s, carriers[i%len(carriers)], Route{}, nil}
	}
	for i, m := range clients {
		u := &units[i%len(units)]
		u.clients = append(u.clients, m)
	}
	return units
}

// beside returns the units that show whether what failed fails without the
// tunnel as well.
func beside(units []unit, results Results) []unit {
	var direct []unit
	for _, u := range units {
		without := unit{u.server, Direct, Route{u.route.Server6, u.route.Server6}, nil}
		for _, m := range u.clients {
			if _, failed := results.failed(Key{u.carrier, u.route, u.server.Name, m.title()}); len(failed) > 0 {
				without.clients = append(without.clients, m)
			}
		}
		if len(without.clients) > 0 {
			direct = append(direct, without)
		}
	}
	return direct
}
