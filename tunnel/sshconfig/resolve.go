package sshconfig

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"example.org/ftptunnel/tunnel"
)

// Options are what the command line says, with ssh's letters.
type Options struct {
	ConfigFile    string   // -F: read this in place of the user's and the system's file; "none" reads none
	User          string   // -l
	Port          int      // -p; zero if not given
	IdentityFiles []string // -i
	Jump          string   // -J
	AddressFamily string   // -4 is "inet", -6 is "inet6"; empty if not given
	Settings      []string // -o, each in the form keyword=value

	// SSH is the OpenSSH program to ask. If empty, that is ssh in PATH, and
	// the built-in reader if there is none; "none" never asks.
	SSH string
}

// A Error reports that the configuration cannot be used as it stands:
// ssh rejects it, the built-in reader cannot be sure to understand it as ssh
// would, or it asks for what this package cannot do. It lies with the user to
// change it: to try again is of no use.
type Error struct {
	Text string // for people; names file and line where these are known
}

func (e *Error) Error() string { return e.Text }

// maxHops bounds a chain of jump hosts, which configuration files can make
// endless.
const maxHops = 16

// Resolve returns the hops to destination in the order in which to connect to
// them, as ssh(1) would with the same options: jump hosts first, destination
// last. It opens no connection, though ssh looks names up if the user has
// configured CanonicalizeHostname, and runs the commands of "Match exec".
//
// A destination has the form [user@]host or ssh://[user@]host[:port]. An IPv6
// address may be in brackets.
//
// Each hop is configured by itself: a jump host gets its user and port from
// the -J or ProxyJump that names it and all else from the configuration files,
// never from the options -l, -p, -i and -o, which are the destination's. In
// "-J a,b" b is reached through a, whatever the files say about b; a is reached
// as the files say.
//
// Honoured are the keywords that have a field in [tunnel.Hop], and ProxyJump, which
// goes before ProxyCommand where ssh has both. Refused
// with a [*Error], because to ignore them would mean to connect
// elsewhere, in another way, or with less checking than configured, are
// ProxyUseFdpass, "ProxyCommand -" and RefuseConnection, and lists of algorithms
// of which none is implemented here. VerifyHostKeyDNS counts as "no". All others
// are ignored: those about tokens (PKCS11Provider, SecurityKeyProvider), other methods of
// authentication, forwarding, terminals and control sockets. Unlike ssh, which
// only warns, Resolve returns an error if a file of -i does not exist.
//
// Without an ssh to ask, the built-in reader reads the same files in the same
// order and returns a [*Error] with file and line for everything that it
// might understand differently. It takes unknown values of ignored keywords,
// which ssh rejects.
func Resolve(ctx context.Context, destination string, opts Options) ([]tunnel.Hop, error) {
	t, err := parseDestination(destination)
	if err != nil {
		return nil, err
	}
	local, err := thisAccount()
	if err != nil {
		return nil, err
	}
	for _, name := range opts.IdentityFiles {
		name, err := local.expandTilde(name)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("identity file: %w", err)
		}
	}
	r := resolver{local: local}
	if r.ssh, err = findSSH(ctx, opts.SSH); err != nil {
		return nil, err
	}
	if r.ssh != "" {
		r.defaults, err = askSSH(ctx, r.ssh, t, Options{ConfigFile: "none"})
	} else {
		r.defaults = defaultSettings()
	}
	if err != nil {
		return nil, err
	}
	return r.hops(ctx, t, opts, nil)
}

// A resolver resolves the hops of one destination.
type resolver struct {
	ssh      string   // the program to ask; empty for the built-in reader
	defaults settings // what it says if nothing is configured
	local    account
}

// hops resolves t and what it is reached through. Steps are those that led
// to t.
func (r *resolver) hops(ctx context.Context, t target, opts Options, steps []string) ([]tunnel.Hop, error) {
	step := t.String()
	if opts.Jump != "" {
		step += " (through " + opts.Jump + ")"
	}
	loop := slices.Contains(steps, step)
	steps = append(steps, step)
	switch {
	case loop:
		return nil, &Error{"ProxyJump goes round in a circle: " + strings.Join(steps, ", ")}
	case len(steps) > maxHops:
		return nil, &Error{fmt.Sprintf("more than %d hops: %s", maxHops, strings.Join(steps, ", "))}
	}

	var s settings
	var err error
	if r.ssh != "" {
		s, err = askSSH(ctx, r.ssh, t, opts)
	} else {
		s, err = readConfig(t, opts, r.local)
	}
	if err != nil {
		return nil, err
	}
	hop, err := r.hop(t.host, s)
	if err != nil || !s.set("proxyjump") {
		return []tunnel.Hop{hop}, err
	}

	jump, err := expandTokens(s.first("proxyjump"), only(r.local.tokens(t.host, s), "hnpr"), nil)
	if err != nil {
		return nil, &Error{"ProxyJump of " + t.host + ": " + err.Error()}
	}
	extra, last, err := splitJump(jump)
	if err != nil {
		return nil, &Error{"ProxyJump of " + t.host + ": " + err.Error()}
	}
	if last.host == hop.HostName && (last.port == hop.Port || last.port == 0 && hop.Port == 22) &&
		(last.user == hop.User || last.user == "") {
		return nil, &Error{"jumphost loop via " + last.host + ` (a section "Host ` + last.host + `" with "ProxyJump none" ends it)`}
	}
	before, err := r.hops(ctx, last, Options{ConfigFile: opts.ConfigFile, Jump: extra}, steps)
	if err != nil {
		return nil, err
	}
	return append(before, hop), nil
}
