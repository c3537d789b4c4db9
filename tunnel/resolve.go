package tunnel

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"unicode"
)

// Options are what the command line says about a destination, with ssh's
// letters. They go before what configuration files say.
type Options struct {
	ConfigFile    string   // -F; "none" reads none
	User          string   // -l
	Port          int      // -p
	IdentityFiles []string // -i
	Jump          string   // -J
	AddressFamily string   // "inet" for -4, "inet6" for -6
	Settings      []string // -o keyword=value

	// SSH is the ssh program to ask for the configuration; if empty, the one
	// in PATH. "none" never asks: the files are read here.
	SSH string
}

// A ConfigError says that the configuration cannot be honoured. Its text names
// the file and line where they are known.
type ConfigError struct {
	Text string
}

func (e *ConfigError) Error() string { return e.Text }

// mostHops bounds a chain of jump hosts: longer ones are loops.
const mostHops = 16

// Resolve returns the hops to destination, which has the form [user@]host or
// ssh://[user@]host[:port], where host may be an alias in the configuration:
// the jump hosts in the order of connecting, and the destination last. Jump
// hosts are resolved by their own configuration, as ssh does it: of opts only
// the configuration file holds for them.
//
// It asks "ssh -G" where there is an ssh, for nothing else reads ssh's
// configuration as ssh does, and reads the files itself where there is none.
// What could not be honoured is refused with a [*ConfigError], never ignored.
// It opens no connection.
func Resolve(ctx context.Context, destination string, opts Options) ([]Hop, error) {
	program := opts.SSH
	switch program {
	case "":
		if found, err := exec.LookPath("ssh"); err == nil {
			program = found
		}
	case "none":
		program = ""
	}
	r := resolver{file: opts.ConfigFile, program: program}
	return r.hops(ctx, destination, opts, 1)
}

// A resolver resolves a destination and its jump hosts.
type resolver struct {
	file    string // -F
	program string // ssh, or empty
}

// hops returns the hops to destination, its jump hosts first.
func (r resolver) hops(ctx context.Context, destination string, opts Options, depth int) ([]Hop, error) {
	if depth > mostHops {
		return nil, &ConfigError{fmt.Sprintf("more than %d jump hosts on the way to %s: does ProxyJump lead in a circle?", mostHops, destination)}
	}
	target, err := parseTarget(destination)
	if err != nil {
		return nil, err
	}
	if opts.User == "" {
		opts.User = target.user
	}
	if opts.Port == 0 {
		opts.Port = target.port
	}
	opts.ConfigFile = r.file
	read := readWithSSH
	if r.program == "" {
		read = readFiles
	}
	s, err := read(ctx, r.program, target.host, opts)
	if err != nil {
		return nil, err
	}
	if err := s.refuse(); err != nil {
		return nil, err
	}
	e, err := newExpander(s, target.host)
	if err != nil {
		return nil, err
	}
	for _, f := range opts.IdentityFiles {
		if _, err := os.Stat(e.tilde(f)); err != nil { // ssh drops it with a warning
			return nil, &ConfigError{fmt.Sprintf("-i %s: %v", f, err)}
		}
	}
	hop, err := s.hop(e)
	if err != nil {
		return nil, err
	}
	jump, err := e.proxy(s.last("proxyjump"))
	if err != nil {
		return nil, err
	}
	before, err := r.jumps(ctx, jump, depth)
	if err != nil {
		return nil, err
	}
	return append(before, hop), nil
}

// jumps returns the hops of a ProxyJump. Each of its hosts is reached through
// those before it; only the first one's own ProxyJump counts.
func (r resolver) jumps(ctx context.Context, jump string, depth int) ([]Hop, error) {
	if jump == "" || strings.EqualFold(jump, "none") {
		return nil, nil
	}
	var opts Options
	last := jump
	if i := strings.LastIndexByte(jump, ','); i >= 0 {
		opts.Jump, last = jump[:i], jump[i+1:]
	}
	return r.hops(ctx, jumpURL(last), opts, depth+1)
}

// jumpURL turns [user@]host[:port] into a form that parseTarget reads: other
// than a destination, a jump host may have a port.
func jumpURL(s string) string {
	if strings.HasPrefix(s, "ssh://") {
		return s
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = url.PathEscape(s[:i]) + s[i:]
	}
	return "ssh://" + s
}

// A target is a destination taken apart. Zero values stand for what it does
// not say.
type target struct {
	user, host string
	port       int
}

// parseTarget parses a destination.
func parseTarget(s string) (target, error) {
	wrong := func(why string) (target, error) {
		return target{}, &ConfigError{fmt.Sprintf("destination %q: %s", s, why)}
	}
	if rest, ok := strings.CutPrefix(s, "ssh://"); ok {
		return parseTargetURL(s, strings.TrimSuffix(rest, "/"))
	}
	var t target
	t.host = s
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		t.user, t.host = s[:i], s[i+1:]
		if t.user == "" {
			return wrong("no user before the @")
		}
	}
	if !strings.HasPrefix(t.host, "[") && strings.Count(t.host, ":") == 1 {
		host, port, _ := strings.Cut(t.host, ":")
		return wrong(fmt.Sprintf("a port is given with -p: -p %s %s", port, host))
	}
	t.host = unbracket(t.host)
	switch {
	case t.host == "" || strings.HasPrefix(s, "-") || strings.HasPrefix(t.host, "-"):
		return wrong("no host name")
	case !isHostName(t.host):
		return wrong("not a host name")
	case strings.ContainsFunc(t.user, unicode.IsControl):
		return wrong("not a user name")
	}
	return t, nil
}

// unbracket removes the brackets around an IPv6 address.
func unbracket(host string) string {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1]
	}
	return host
}

// isHostName reports whether ssh would take s for a host's name.
func isHostName(s string) bool {
	return s != "" && !strings.HasPrefix(s, "-") && !strings.ContainsAny(s, "'\"`$\\;&<>|(){}[]") &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func parseTargetURL(s, rest string) (target, error) {
	var t target
	wrong := func() (target, error) {
		return target{}, &ConfigError{fmt.Sprintf("destination %q: not of the form ssh://[user@]host[:port]", s)}
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		name, _, _ := strings.Cut(rest[:i], ";") // connection parameters
		user, err := url.PathUnescape(name)
		if err != nil || user == "" || strings.HasPrefix(user, "-") || strings.ContainsFunc(user, unicode.IsControl) {
			return wrong()
		}
		t.user, rest = user, rest[i+1:]
	}
	t.host = rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.Contains(rest[i:], "]") && (strings.Count(rest, ":") == 1 || strings.Contains(rest, "]:")) {
		port, err := strconv.ParseUint(rest[i+1:], 10, 16)
		if err != nil || port == 0 {
			return wrong()
		}
		t.host, t.port = rest[:i], int(port)
	}
	t.host = unbracket(t.host)
	if !isHostName(t.host) || strings.Contains(t.host, "/") {
		return wrong()
	}
	return t, nil
}
