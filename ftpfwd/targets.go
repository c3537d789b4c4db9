package ftpfwd

import (
	"fmt"
	"net"
	"net/netip"
	globs "path"
	"slices"
	"strconv"
	"strings"
)

// Targets says which servers clients may name.
type Targets struct {
	// Allowed are the servers that may be named, on any host. If empty, all may
	// but port 22 and the far end itself.
	Allowed []Target

	// FarEnd, if not nil, returns the names and addresses that the far end is
	// known by, besides those of its loopback. Sessions call it concurrently.
	FarEnd func() []string
}

// A Target is a host name, a pattern of one with * and ?, or a network, with or
// without a port.
type Target struct {
	pattern string       // lower case; empty for a network
	network netip.Prefix // of addresses; names are not looked up here
	port    uint16       // zero for any but 22
}

const sshPort = 22

// ParseTarget parses a target: ftp.internal, *.internal, 10.0.0.0/8, fd00::1,
// each with or without :port, for which IPv6 is in brackets: [fd00::/8]:21.
func ParseTarget(s string) (Target, error) {
	var t Target
	host := s
	if h, p, err := net.SplitHostPort(s); err == nil {
		host = h
		if t.port, err = portNumber(p); err != nil && p != "" {
			return Target{}, fmt.Errorf("%q: no such port", s)
		}
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if n, err := netip.ParsePrefix(host); err == nil {
		t.network = n.Masked()
		return t, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		t.network = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return t, nil
	}
	if _, err := globs.Match(host, ""); err != nil || !hostName(strings.NewReplacer("*", "x", "?", "x").Replace(host)) {
		return Target{}, fmt.Errorf("%q is no host name, pattern or network", s)
	}
	t.pattern = host
	return t, nil
}

// A TargetError reports that a login may not name a server.
type TargetError struct {
	Address string // host:port
	Reason  string
}

func (e *TargetError) Error() string { return e.Address + " " + e.Reason }

// check returns a [TargetError] if address, host:port, may not be used.
func (t Targets) check(address string) error {
	if reason := t.refuses(address); reason != "" {
		return &TargetError{address, reason}
	}
	return nil
}

func (t Targets) refuses(address string) (reason string) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return "is no server's address"
	}
	port, err := portNumber(service)
	if err != nil {
		return "is no server's address"
	}
	h := parseHost(host)
	allowed := slices.ContainsFunc(t.Allowed, func(one Target) bool { return one.allows(h, port) })
	switch {
	case allowed:
		return ""
	case len(t.Allowed) > 0:
		return "is not among the servers that may be named here"
	case port == sshPort:
		return "is an SSH server's port"
	case h.isLoopback(), t.FarEnd != nil && slices.ContainsFunc(t.FarEnd(), h.is):
		return "is the gateway itself, which may not be named here"
	}
	return ""
}

func (t Target) allows(h namedHost, port uint16) bool {
	if t.port != port && (t.port != 0 || port == sshPort) {
		return false
	}
	if t.pattern == "" {
		return t.network.Contains(h.addr)
	}
	matched, _ := globs.Match(t.pattern, h.name)
	return matched && !h.addr.IsValid()
}

// A namedHost is a host as somebody has written it.
type namedHost struct {
	name string     // in lower case, without a dot at its end
	addr netip.Addr // if name is one; an IPv4 address in its own form, and without a zone
}

func parseHost(s string) namedHost {
	h := namedHost{name: strings.TrimSuffix(strings.ToLower(s), ".")}
	if addr, err := netip.ParseAddr(h.name); err == nil {
		h.addr = addr.Unmap().WithZone("")
	}
	return h
}

// is reports whether s is another way to write h.
func (h namedHost) is(s string) bool {
	other := parseHost(s)
	return h.addr == other.addr && (h.addr.IsValid() || h.name == other.name)
}

// isLoopback reports whether h is the far end's own loopback, or leads to it: by
// an address, or by a name that systems have for it.
func (h namedHost) isLoopback() bool {
	if h.addr.IsValid() {
		return h.addr.IsLoopback() || h.addr.IsUnspecified()
	}
	if strings.HasPrefix(h.name, "ip6-l") { // ip6-localhost, ip6-loopback
		return true
	}
	return slices.ContainsFunc(strings.Split(h.name, "."), func(label string) bool {
		switch label {
		case "localhost", "localhost4", "localhost6", "loopback", // with or without a domain
			"_outbound", "_localdnsstub", "_localdnsproxy": // systemd
			return true
		}
		return false
	})
}

// hostName reports whether s is a host name or an IP address in full. The far
// end's resolver takes more for an address, some of them its own: one to four
// numbers with dots, each decimal, octal or hexadecimal (127.1, 0177.0x1,
// 0x7f000001). So no name ends with a number.
func hostName(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == ""
	}
	name := strings.TrimSuffix(strings.ToLower(s), ".")
	labels := strings.Split(name, ".")
	return len(name) <= 253 && !slices.Contains(labels, "") && !isNumber(labels[len(labels)-1]) &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

// isNumber reports whether a resolver may take a label in lower case for a number.
func isNumber(label string) bool {
	digits := "0123456789"
	if hexadecimal, ok := strings.CutPrefix(label, "0x"); ok {
		label, digits = hexadecimal, digits+"abcdef"
	} else if binary, ok := strings.CutPrefix(label, "0b"); ok {
		label, digits = binary, "01"
	}
	return strings.Trim(label, digits) == ""
}

// portNumber parses the number of a port.
func portNumber(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return uint16(n), err
}
