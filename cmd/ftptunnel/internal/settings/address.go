package settings

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// A Forward is an FTP port on this machine and the FTP server behind it.
type Forward struct {
	Listen string // host:port
	Server string // host:port, as the gateway resolves it; empty if each login names its own
}

// parseServer parses ftp-host[:port].
func parseServer(s string) (string, error) {
	wrong := reject("server", fmt.Sprintf("not the address of an FTP server: %q", s), "ftp-host, ftp-host:port or [IPv6 address]:port")
	alone := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		alone = s[1 : len(s)-1]
	}
	if addr, err := netip.ParseAddr(alone); err == nil && isHost(addr.String()) {
		return net.JoinHostPort(addr.String(), "21"), nil
	}
	if !strings.Contains(s, ":") {
		s += ":21"
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || !isHost(host) || !isPort(port, 1) {
		return "", wrong
	}
	return net.JoinHostPort(host, port), nil
}

// parseForward parses [bind:]port:ftp-host:ftp-port as ssh -L does, or [bind:]port,
// which leads to server. Without bind it is the address.
func parseForward(s, server, bind string) (Forward, error) {
	wrong := reject("listen", "cannot parse -L "+s, "-L [bind:]port:ftp-host:ftp-port, such as -L 2121:ftp.internal:21")
	parts, ok := splitColons(s)
	if !ok || len(parts) > 4 {
		return Forward{}, wrong
	}
	if n := len(parts) - 2; n > 0 { // the parts before name the address to listen on
		if !isHost(parts[n]) || !isPort(parts[n+1], 1) {
			return Forward{}, wrong
		}
		parts, server = parts[:n], net.JoinHostPort(parts[n], parts[n+1])
	}
	listen, ok := listenAt(parts, bind)
	if !ok {
		return Forward{}, wrong
	}
	return Forward{listen, server}, nil
}

// leavesServer reports whether an argument of -L is a bind address and a port only.
func leavesServer(s string) bool {
	parts, ok := splitColons(s)
	return ok && len(parts) <= 2
}

// parseDynamic parses [bind:]port as ssh -D does. Without bind it is the address.
func parseDynamic(s, bind string) (Forward, error) {
	parts, ok := splitColons(s)
	if ok && len(parts) <= 2 {
		if listen, ok := listenAt(parts, bind); ok {
			return Forward{Listen: listen}, nil
		}
	}
	return Forward{}, reject("dynamic", "cannot parse -D "+s, "-D [bind:]port, such as -D 2121")
}

// Localhost in an address to listen on means both loopback addresses of this
// machine.
const Localhost = "localhost"

// listenAt joins [bind, ]port to an address to listen on.
func listenAt(parts []string, bind string) (address string, ok bool) {
	if len(parts) == 2 {
		bind, parts = parts[0], parts[1:]
	}
	if bind == "*" {
		bind = ""
	}
	return net.JoinHostPort(bind, parts[0]), isPort(parts[0], 0) && (bind == "" || isHost(bind))
}

// splitColons splits s at the colons outside brackets and removes the brackets.
func splitColons(s string) (parts []string, ok bool) {
	for {
		var part string
		if strings.HasPrefix(s, "[") {
			if part, s, ok = strings.Cut(s[1:], "]"); !ok {
				return nil, false
			}
			if s != "" && s[0] != ':' {
				return nil, false
			}
		} else {
			end := strings.IndexByte(s, ':')
			if end < 0 {
				end = len(s)
			}
			part, s = s[:end], s[end:]
		}
		parts = append(parts, part)
		if s == "" {
			return parts, true
		}
		s = s[1:]
	}
}

// isHost reports whether s can be a host name or an address.
func isHost(s string) bool {
	return s != "" && !strings.ContainsAny(s, "[]/@") && !strings.ContainsFunc(s, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) })
}

// isPort reports whether s is a port number, least or more.
func isPort(s string, least int) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && int(n) >= least
}
