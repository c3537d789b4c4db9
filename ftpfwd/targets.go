package ftpfwd

import (
	"fmt"
	"net"
	"net/netip"
	globs "path"
	"strconv"
	"strings"
)

// Targets are the servers that clients may name. If empty, all are allowed but
// the far end's own loopback and port 22; otherwise, those that are listed.
type Targets []Target

// A Target is a host name, a pattern of one with * and ?, or a network, with or
// without a port.
type Target struct {
	pattern string       // lower case; empty for a network
	network netip.Prefix // of addresses; names are not looked up here
	port    string       // empty for any but 22
}

// ParseTarget parses a target: ftp.internal, *.internal, 10.0.0.0/8, fd00::1,
// each with or without :port, for which IPv6 is in brackets: [fd00::/8]:21.
func ParseTarget(s string) (Target, error) {
	var t Target
	host := s
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, t.port = h, p
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if t.port != "" && !portNumber(t.port) {
		return Target{}, fmt.Errorf("%q: no such port", s)
	}
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
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "is no server's address"
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	named := err != nil
	for _, one := range t {
		if one.allows(host, addr, port) {
			return ""
		}
	}
	switch {
	case len(t) > 0:
		return "is not among the servers that may be named here"
	case port == "22":
		return "is an SSH server's port"
	case named && (host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "localhost.") || strings.HasPrefix(host, "ip6-l")),
		!named && (addr.IsLoopback() || addr.IsUnspecified()):
		return "is the gateway itself, which may not be named here"
	}
	return ""
}

func (t Target) allows(host string, addr netip.Addr, port string) bool {
	if t.port != port && (t.port != "" || port == "22") {
		return false
	}
	if t.pattern == "" {
		return t.network.Contains(addr)
	}
	matched, _ := globs.Match(t.pattern, host)
	return matched && !addr.IsValid()
}

// hostName reports whether s is a host name or an IP address in full. The far
// end's resolver takes a number, or two or three with dots, for an address too
// (127.1, 0x7f000001): those are not names.
func hostName(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == ""
	}
	letters := strings.Trim(strings.ToLower(s), ".0123456789")
	if s == "" || letters == "" || strings.HasPrefix(strings.ToLower(s), "0x") || len(s) > 255 {
		return false
	}
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

func portNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
