package matrix

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"example.org/ftptunnel/internal/test/clients"
)

// A unit is one site and the clients that run on it.
type unit struct {
	server   *Server
	carrier  Carrier
	route    Route
	variants []clients.Variant
}

// applies reports whether a client in its mode can be run at this server over
// this route.
func applies(v clients.Variant, s *Server, r Route) bool {
	switch {
	case r.Client6 && (v.NoIPv6 || v.IPv4Only):
		return false
	case r.Server6 && s.NoIPv6:
		return false
	default:
		return !v.ServerZ || s.ModeZ
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
				for _, v := range u.variants {
					if !applies(v, u.server, u.route) {
						continue
					}
					outcomes := s.measure(v)
					k := s.key
					k.Client = v.Title()
					mu.Lock()
					results[k] = outcomes
					mu.Unlock()
				}
			})
		}
	})
	return results
}

// fullUnits returns the whole matrix: each client in each mode at each server over
// each carrier; where client and server use different address families, one client
// in each mode.
func fullUnits(servers []*Server, variants []clients.Variant) []unit {
	var mixed []clients.Variant
	for _, v := range variants {
		if v.Client.Name == "curl" {
			mixed = append(mixed, v)
		}
	}
	var units []unit
	for _, s := range servers {
		for _, r := range Routes {
			if s.NoIPv6 && (r.Client6 || r.Server6) {
				continue
			}
			if r.Client6 == r.Server6 {
				units = append(units, unit{s, Direct, r, variants}, unit{s, OpenSSH, r, variants}, unit{s, Dropbear, r, variants})
			} else {
				units = append(units, unit{s, OpenSSH, r, mixed}, unit{s, Dropbear, r, mixed})
			}
		}
	}
	return units
}

// sliceUnits returns units with each server, each client in each mode, and each
// carrier, at least once.
func sliceUnits(servers []*Server, variants []clients.Variant) []unit {
	units := make([]unit, len(servers))
	for i, s := range servers {
		units[i] = unit{s, carriers[i%len(carriers)], Route{}, nil}
	}
	for i, v := range variants {
		u := &units[i%len(units)]
		u.variants = append(u.variants, v)
	}
	return units
}

// doubtful returns units that try again, without the tunnel, what fails only
// through it: some clients and servers race with each other.
func doubtful(servers []*Server, variants []clients.Variant, results Results) []unit {
	failures := results.Failures()
	var again []unit
	for _, s := range servers {
		for _, r := range Routes {
			u := unit{s, Direct, r, nil}
			for _, v := range variants {
				if slices.ContainsFunc(failures, func(f Failure) bool {
					return f.Server == s.Name && f.Client == v.Title() && r == Route{f.Route.Server6, f.Route.Server6}
				}) {
					u.variants = append(u.variants, v)
				}
			}
			if len(u.variants) > 0 {
				again = append(again, u)
			}
		}
	}
	return again
}

// beside returns the units that show whether what failed fails without the
// tunnel as well.
func beside(units []unit, results Results) []unit {
	var direct []unit
	for _, u := range units {
		without := unit{u.server, Direct, Route{u.route.Server6, u.route.Server6}, nil}
		for _, v := range u.variants {
			if _, failed := results.failed(Key{u.carrier, u.route, u.server.Name, v.Title()}); len(failed) > 0 {
				without.variants = append(without.variants, v)
			}
		}
		if len(without.variants) > 0 {
			direct = append(direct, without)
		}
	}
	return direct
}
