package sshconfig

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// A target is a host as named on the command line or in a ProxyJump.
type target struct {
	user string // empty if not given
	host string // an alias, a name or an address without brackets; never empty
	port int    // zero if not given
}

// String returns t in the form that ProxyJump accepts.
func (t target) String() string {
	s := t.host
	if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	if t.user != "" {
		s = t.user + "@" + s
	}
	if t.port != 0 {
		s += ":" + strconv.Itoa(t.port)
	}
	return s
}

// check returns an error if ssh rejects t on its command line.
func (t target) check() error {
	if t.host == "" {
		return errors.New("no host name")
	}
	return errors.Join(checkHost(t.host), checkUser(t.user))
}

// checkHost returns an error for a host name that looks like an option, or that
// a shell could take for more than a word: as a token of a ProxyCommand, it
// reaches one.
func checkHost(name string) error {
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, "'`\"$\\;&<>|(){}") ||
		strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("host name %q contains invalid characters", name)
	}
	return nil
}

// checkUser is checkHost for a user's name, which may have a domain of Windows
// before it, and blanks.
func checkUser(name string) error {
	blank := false
	for _, r := range name {
		if blank && r == '-' || unicode.IsControl(r) {
			return fmt.Errorf("user name %q contains invalid characters", name)
		}
		blank = unicode.IsSpace(r)
	}
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, "'`\";&<>|(){}") || strings.HasSuffix(name, `\`) {
		return fmt.Errorf("user name %q contains invalid characters", name)
	}
	return nil
}

// parseDestination parses [user@]host and ssh://[user@]host[:port].
func parseDestination(s string) (target, error) {
	t, isURI, err := parseURI(s)
	if !isURI {
		t, err = parseName(s)
	}
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return target{}, inName(s, err)
	}
	return t, nil
}

// parseName parses [user@]host. This form has no port: it rejects host:port,
// which ssh takes for a name that cannot be resolved.
func parseName(s string) (target, error) {
	t := target{host: s}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		t.user, t.host = s[:i], s[i+1:]
		if t.user == "" {
			return target{}, errors.New("no user name before the @")
		}
	}
	if inside, ok := unbracket(t.host); ok && isIP(inside) {
		t.host = inside
	}
	if host, port, err := net.SplitHostPort(t.host); err == nil && !isIP(t.host) {
		return target{}, &portError{target{user: t.user, host: host}.String(), port}
	}
	if strings.Contains(t.host, ":") && !isIP(t.host) {
		return target{}, errors.New("neither a host name nor an IP address")
	}
	return t, nil
}

// splitJump returns the last host of a ProxyJump list, and the list of the hosts
// through which to connect to it, which may be empty. Each host has the form
// [user@]host[:port] or that of a URI.
func splitJump(list string) (before string, last target, err error) {
	for item := range strings.SplitSeq(list, ",") {
		t, isURI, err := parseURI(item)
		if !isURI {
			t, err = parseUserHostPort(item)
		}
		if err == nil {
			err = t.check()
		}
		if err != nil {
			return "", target{}, fmt.Errorf("jump host %q: %w", item, err)
		}
		last = t
	}
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		before = list[:i]
	}
	return before, last, nil
}

// parseURI parses ssh://[user[;parameters]@]host[:port][/]. It reports whether s
// begins with ssh://.
func parseURI(s string) (t target, isURI bool, err error) {
	rest, isURI := strings.CutPrefix(s, "ssh://")
	if !isURI {
		return target{}, false, nil
	}
	user, hostPort, hasUser := strings.Cut(strings.TrimSuffix(rest, "/"), "@")
	if !hasUser {
		user, hostPort = "", user
	}
	if strings.ContainsAny(hostPort, "/@") {
		return target{}, true, errors.New("not of the form ssh://[user@]host[:port]")
	}
	t, err = parseUserHostPort(hostPort)
	if err != nil || !hasUser {
		return t, true, err
	}
	user, _, _ = strings.Cut(user, ";")
	t.user, err = url.PathUnescape(user)
	if err == nil && t.user == "" {
		err = errors.New("no user name before the @")
	}
	return t, true, err
}

// parseUserHostPort parses [user@]host[:port], where an IPv6 address must be
// in brackets.
func parseUserHostPort(s string) (target, error) {
	var t target
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		t.user, s = s[:i], s[i+1:]
		if t.user == "" {
			return target{}, errors.New("no user name before the @")
		}
	}
	host, port := s, ""
	if end := strings.IndexByte(s, ']'); strings.HasPrefix(s, "[") && end > 0 {
		host, port = s[1:end], s[end+1:]
		if port != "" && port[0] != ':' {
			return target{}, errors.New("no port after the ]")
		}
		port = strings.TrimPrefix(port, ":")
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	if strings.ContainsAny(host, "[]/#") || strings.Contains(host, ":") && !isIP(host) {
		return target{}, fmt.Errorf("invalid host name %q", host)
	}
	t.host = host
	if port == "" {
		return t, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return target{}, fmt.Errorf("invalid port %q", port)
	}
	t.port = int(n)
	return t, nil
}

func unbracket(s string) (string, bool) {
	inside, open := strings.CutPrefix(s, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	return inside, open && closed
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
