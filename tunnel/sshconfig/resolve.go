package sshconfig

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.org/ftptunnel/tunnel"
)

// Options are the options of the command line, by ssh's letters. The zero value
// gives none.
type Options struct {
	ConfigFile    string   // -F: the file to read instead of the user's and the system's; "none" reads no file
	User          string   // -l
	Port          int      // -p; zero if not given
	IdentityFiles []string // -i
	Jump          string   // -J
	AddressFamily string   // "inet" for -4, "inet6" for -6; empty if not given
	Settings      []string // -o, each in the form keyword=value

	// SSH is the OpenSSH client to run. If empty, Resolve runs ssh from PATH,
	// or uses the built-in reader if that does not exist or is not OpenSSH's.
	// "none" always uses the built-in reader.
	SSH string
}

// maxHops bounds a chain of jump hosts. Configuration files can make it
// endless.
const maxHops = 16

// Resolve returns the hops to destination in the order in which to connect to
// them, as ssh(1) would with the same options: jump hosts first, the
// destination last. It opens no connection, but the ssh program that it runs
// looks up host names if CanonicalizeHostname is configured, and runs the
// commands of "Match exec". When ctx is done, Resolve stops ssh and returns an
// error that wraps ctx.Err().
//
// A destination has the form [user@]host or ssh://[user@]host[:port]. An IPv6
// address may be in brackets.
//
// Each hop has its own configuration. A jump host takes its user and port from
// the -J option or ProxyJump that names it, and everything else from the
// configuration files. All options but -F and -J apply to the destination only.
// In "-J a,b", b is reached through a, whatever the files configure for b; a is
// reached as the files configure it.
//
// Resolve supports the keywords that have a field in [tunnel.Hop], and
// ProxyJump. If both ProxyJump and ProxyCommand apply, ProxyJump is used.
// Resolve returns an [*Error] for what it does not support and what would be
// unsafe to ignore: ProxyUseFdpass, "ProxyCommand -", RefuseConnection, and a
// list of algorithms of which none is implemented. VerifyHostKeyDNS is treated
// as "no". All other keywords are ignored: those about tokens (PKCS11Provider,
// SecurityKeyProvider), other authentication methods, forwarding, terminals and
// control sockets. Unlike ssh, which prints a warning, Resolve returns an error
// if a file of -i cannot be read or has no key.
//
// Names of hosts and users on the command line and of jump hosts may have no
// characters that a shell could take for more than a word. As ssh does, the
// built-in reader rejects the user's configuration file, and an included one, if
// somebody else but root owns it or can write it.
//
// The built-in reader returns an [*Error] with file and line for every line
// that it might read differently from ssh. It accepts unknown values of ignored
// keywords, which ssh rejects.
func Resolve(ctx context.Context, destination string, opts Options) ([]tunnel.Hop, error) {
	t, err := parseDestination(destination)
	if err != nil {
		return nil, err
	}
	if err := opts.checkNames(); err != nil {
		return nil, err
	}
	local, err := thisAccount()
	if err != nil {
		return nil, err
	}
	if err := local.checkFiles(opts); err != nil {
		return nil, err
	}
	r := resolver{local: local}
	if r.ssh, err = FindSSH(ctx, opts); err != nil {
		return nil, err
	}
	if r.ssh != "" {
		r.defaults, err = runSSHG(ctx, r.ssh, t, Options{ConfigFile: "none"})
	} else {
		r.defaults = defaultSettings()
	}
	if err != nil {
		return nil, err
	}
	return r.hops(ctx, t, opts, nil)
}

// checkNames returns an error for the names in opts that a command line may not
// have: see checkHost. Those of the configuration files may have any; whoever
// writes these may as well write a ProxyCommand.
func (o Options) checkNames() error {
	if err := checkUser(o.User); err != nil {
		return option("-l", "-l: "+err.Error(), err)
	}
	for _, setting := range o.Settings {
		check := checkUser
		parts := keywordAndRest.FindStringSubmatch(strings.TrimLeft(setting, " \t"))
		switch {
		case parts == nil:
			continue // ssh rejects it, and so does the built-in reader
		case strings.EqualFold(parts[1], "HostName"):
			check = checkHost
		case !strings.EqualFold(parts[1], "User"):
			continue
		}
		name := parts[2]
		if words, err := splitArguments(name); err == nil && len(words) > 0 {
			name = words[0]
		}
		if err := check(name); err != nil {
			return option("-o", "-o: "+err.Error(), err)
		}
	}
	return nil
}

// A resolver resolves the hops of one destination.
type resolver struct {
	ssh      string   // the ssh program; empty for the built-in reader
	defaults settings // of a destination for which nothing is configured
	local    account
}

// hops returns the jump hosts of t and t itself. Path lists the destinations
// that led to t.
func (r *resolver) hops(ctx context.Context, t target, opts Options, path []string) ([]tunnel.Hop, error) {
	step := t.String()
	if opts.Jump != "" {
		step += " (through " + opts.Jump + ")"
	}
	loop := slices.Contains(path, step)
	path = append(path, step)
	switch {
	case loop:
		return nil, &Error{Text: "ProxyJump loop: " + strings.Join(path, ", ")}
	case len(path) > maxHops:
		return nil, &Error{Text: fmt.Sprintf("more than %d hops: %s", maxHops, strings.Join(path, ", "))}
	}

	s, err := r.read(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	hop, err := r.hop(t.host, s)
	if err != nil || !s.set("proxyjump") {
		return []tunnel.Hop{hop}, err
	}
	earlier, last, err := r.jump(t, s)
	switch {
	case err != nil && opts.Jump != "":
		return nil, option("-J", err.Error(), err)
	case err != nil:
		return nil, err
	}
	if last.host == hop.HostName && (last.port == hop.Port || last.port == 0 && hop.Port == 22) &&
		(last.user == hop.User || last.user == "") {
		return nil, &Error{Text: "jumphost loop via " + last.host, Problem: JumpLoop, Host: last.host}
	}
	before, err := r.hops(ctx, last, Options{ConfigFile: opts.ConfigFile, Jump: earlier}, path)
	if err != nil {
		return nil, err
	}
	return append(before, hop), nil
}

// read returns the configuration of t.
func (r *resolver) read(ctx context.Context, t target, opts Options) (settings, error) {
	if r.ssh == "" {
		return readConfig(t, opts, r.local)
	}
	s, err := runSSHG(ctx, r.ssh, t, opts)
	if err == nil && s.first(aliveInterval) == "0" && !r.setsAliveInterval(ctx, t, opts) {
		delete(s, aliveInterval)
	}
	return s, err
}

// jump returns the jump host through which s reaches t, and the list of those
// before it.
func (r *resolver) jump(t target, s settings) (earlier string, last target, err error) {
	list, err := expandTokens(s.first("proxyjump"), only(r.local.tokens(t.host, s), "hnpr"), nil)
	if err == nil {
		earlier, last, err = splitJump(list)
	}
	if err != nil {
		return "", target{}, inFile("ProxyJump of "+t.host, err)
	}
	return earlier, last, nil
}
