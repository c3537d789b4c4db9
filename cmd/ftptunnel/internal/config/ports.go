package config

import (
	"net"
	"net/netip"
	"strings"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// checkPorts refuses two tunnels, or one tunnel twice, on one port.
func (r *reader) checkPorts(tunnels []Tunnel) error {
	type port struct {
		tunnel string
		listen string
	}
	var taken []port
	for _, t := range tunnels {
		s := r.sections["tunnel."+t.Name]
		for _, f := range t.Settings.Forwards {
			for _, other := range taken {
				if !overlap(f.Listen, other.listen) {
					continue
				}
				line, key := r.whereListens(s, f.Listen)
				text := f.Listen + " is the port of tunnel." + other.tunnel + " too"
				if other.tunnel == t.Name {
					text = f.Listen + " is given twice"
				}
				return r.wrong(line, key, text, `listen = "[bind:]port", with another port`)
			}
			taken = append(taken, port{t.Name, f.Listen})
		}
	}
	return nil
}

// whereListens returns the place of the key that names an address to listen on.
func (r *reader) whereListens(s *section, address string) (line int, key string) {
	_, port, _ := net.SplitHostPort(address)
	line, key = s.line, s.name
	for _, from := range []*section{r.sections["defaults"], s} {
		for _, e := range from.entries {
			values, _ := texts("stringArray", false, e.value)
			if (e.key() == "listen" || e.key() == "dynamic") && strings.Contains(strings.Join(values, " "), port) {
				line, key = e.line, e.name()
			}
		}
	}
	return line, key
}

// overlap reports whether two addresses to listen on cannot both be used.
func overlap(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	if portA == "0" || strings.TrimLeft(portA, "0") != strings.TrimLeft(portB, "0") {
		return false
	}
	if hostA == hostB || hostA == "" || hostB == "" { // no host is all addresses
		return true
	}
	for _, pair := range [][2]string{{hostA, hostB}, {hostB, hostA}} {
		if pair[0] == settings.Localhost { // both loopback addresses
			addr, err := netip.ParseAddr(pair[1])
			return err == nil && (addr.Unmap().IsUnspecified() || addr.Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || addr == netip.IPv6Loopback())
		}
	}
	addrA, errA := netip.ParseAddr(hostA)
	addrB, errB := netip.ParseAddr(hostB)
	if errA != nil || errB != nil || addrA.Unmap().Is4() != addrB.Unmap().Is4() {
		return false
	}
	return addrA.Unmap() == addrB.Unmap() || addrA.Unmap().IsUnspecified() || addrB.Unmap().IsUnspecified()
}
