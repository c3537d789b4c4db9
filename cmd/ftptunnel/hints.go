package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
)

// report writes err for a person, one line "error:" and then "hint:" lines, and
// returns the exit status.
func (p *program) report(err error) int {
	p.warn(err)
	fmt.Fprintf(p.stderr, "error: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	for _, h := range hints(err) {
		fmt.Fprintf(p.stderr, "hint: %s\n", h)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// warn writes the warning that ssh would, if err is about a host key that has
// changed.
func (p *program) warn(err error) {
	var host *knownhosts.HostKeyError
	if errors.As(err, &host) {
		if w := host.Warning(); w != "" {
			fmt.Fprintln(p.stderr, w)
		}
	}
}

// hints says what to type, or where to look, about err. There may be none.
func hints(err error) []string {
	var (
		usage    *usageError
		target   *ftpfwd.TargetError
		owner    *ftpfwd.OwnerError
		active   *ftpfwd.ActiveAddressError
		listen   *listenError
		open     *tunnel.OpenError
		greeting *greetingError
		host     *knownhosts.HostKeyError
		hop      *tunnel.HopError
		identity *tunnel.IdentityError
	)
	var several interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ftpfwd.ErrNoGoodbye):
		return []string{"idle timeouts end connections so: the FTP server's own, or ChannelTimeout in the gateway's sshd_config"}
	case errors.As(err, &several):
		return severalHints(several.Unwrap())
	case errors.As(err, &usage):
		return []string{usage.hint}
	case errors.As(err, &listen):
		return listenHints(listen)
	case errors.As(err, &target):
		return []string{"allow it: --allow-target=" + target.Address}
	case errors.As(err, &owner):
		return ownerHints(owner)
	case errors.As(err, &active):
		return []string{
			"the gateway listens on its loopback only, unless its sshd_config says GatewayPorts clientspecified (Dropbear: the flag -a)",
			fmt.Sprintf("%v must be an address of the gateway itself, and PermitOpen must allow it", active.Address),
		}
	case errors.As(err, &open):
		return openHints(open)
	case errors.As(err, &greeting):
		return []string{fmt.Sprintf("is %s the FTP server, as the gateway sees it? name another: ftptunnel gateway ftp-host:port", greeting.server)}
	case errors.As(err, &host):
		return hostKeyHints(host, err)
	case errors.As(err, &hop):
		return hopHints(hop)
	case errors.As(err, &identity):
		return identityHints(identity)
	}
	return nil
}

// severalHints are those about each of errs, each once.
func severalHints(errs []error) (lines []string) {
	for _, err := range errs {
		for _, line := range hints(err) {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// ownerHints is about somebody else's connection. Who may have data is not to be
// changed: it is who asked for it.
func ownerHints(e *ftpfwd.OwnerError) []string {
	if e.Err != nil || len(e.Users) == 1 {
		return nil
	}
	return []string{fmt.Sprintf("that is %s; if all is well: --allow-user=%[1]s", userName(e.Owner))}
}

func listenHints(e *listenError) []string {
	switch {
	case errors.Is(e.err, syscall.EADDRINUSE), strings.Contains(e.err.Error(), "Only one usage of each socket address"):
		return []string{"another program has that port, perhaps another ftptunnel; take a free one: -L 0:ftp-host:21"}
	case errors.Is(e.err, fs.ErrPermission):
		return []string{"ports below 1024 need privileges; take a higher one: -L 2121:ftp-host:21"}
	case errors.Is(e.err, syscall.EADDRNOTAVAIL):
		return []string{"this machine has no such address; leave it out to listen on 127.0.0.1"}
	}
	return nil
}

func openHints(e *tunnel.OpenError) []string {
	host, port, _ := net.SplitHostPort(e.Address)
	try := "nc -v " + host + " " + port
	gateway := "the gateway"
	if e.Jump != "" {
		gateway = e.Jump
	}
	switch {
	case e.Listen:
		return []string{
			"in the gateway's sshd_config see AllowTcpForwarding, DisableForwarding and PermitListen (or restrict, permitlisten in authorized_keys)",
			"passive mode needs no listening port on the gateway",
		}
	case unresolved(e):
		return []string{fmt.Sprintf("%s does not know the name %s: give the name that is known there, or an address", gateway, host)}
	case e.Prohibited:
		lines := []string{"in the sshd_config of " + gateway + " see AllowTcpForwarding, DisableForwarding and PermitOpen (or restrict, permitopen in authorized_keys)"}
		if e.Jump == "" {
			lines = append(lines, "PermitOpen compares names literally, and must allow every port for data: PermitOpen "+net.JoinHostPort(host, "*"))
		}
		return lines
	case strings.Contains(e.Err.Error(), "refused"):
		return []string{fmt.Sprintf("nothing listens on %s there: is that server running, on that port? from %s: %s", e.Address, gateway, try)}
	default:
		return []string{"can " + gateway + " reach it? from there: " + try}
	}
}

// unresolved reports whether a gateway that did not connect says that it did not
// find the host. There is no code for it (RFC 4254, 5.1), and Dropbear gives
// that for what is forbidden.
func unresolved(e *tunnel.OpenError) bool {
	if e.Err == nil {
		return false
	}
	for _, words := range []string{
		"Name or service not known", "name resolution", "No address associated", "nodename nor servname", // getaddrinfo's
		"Error resolving", // Dropbear's
	} {
		if strings.Contains(e.Err.Error(), words) {
			return true
		}
	}
	return false
}

func hostKeyHints(e *knownhosts.HostKeyError, err error) []string {
	name := "the gateway"
	var hop *tunnel.HopError
	if errors.As(err, &hop) {
		name = hop.Hop.String()
	}
	switch {
	case e.Declined:
		return nil
	case e.Kind == knownhosts.Changed && strings.HasPrefix(e.File, "KnownHostsCommand"):
		return []string{"the old key is what KnownHostsCommand says; if you know of no change, somebody may be listening in: ask whoever runs " + name}
	case e.Kind == knownhosts.Changed:
		return []string{
			"if the key was changed on purpose, remove the old one: ssh-keygen -R '" + e.Host + "' -f " + e.File,
			"if you know of no change, somebody may be listening in: ask whoever runs " + name,
		}
	case e.Kind == knownhosts.Unknown:
		return []string{
			"look at the key and accept it once, at a terminal: ssh " + name,
			"or trust it on first sight: -o StrictHostKeyChecking=accept-new",
		}
	default:
		return []string{"the key has been revoked: ask whoever runs " + name}
	}
}

func hopHints(e *tunnel.HopError) []string {
	name := e.Hop.String()
	var auth *tunnel.AuthError
	var stranger *tunnel.NotSSHError
	switch {
	case errors.As(e.Err, &auth):
		return authHints(e, auth)
	case errors.As(e.Err, &stranger):
		return strangerHints(e.Hop, stranger.Line)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return []string{fmt.Sprintf("no SSH server listens on %s: is it up, and is that its port? see: ssh -v %s", e.Hop.Addr(), name)}
	case isTimeout(e.Err), errors.Is(e.Err, syscall.EHOSTUNREACH), errors.Is(e.Err, syscall.ENETUNREACH):
		return []string{fmt.Sprintf("%s cannot be reached from here: is it up, is the address right, does a firewall drop it? see: ssh -v %s", e.Hop.Addr(), name)}
	case e.Op == "dial":
		return []string{"check the name, or its HostName in ~/.ssh/config; see: ssh -v " + name}
	}
	return []string{"compare with: ssh -v " + name}
}

// strangerHints is about what answers without being, or in place of, an SSH
// server.
func strangerHints(h tunnel.Hop, line string) []string {
	switch {
	case strings.Contains(line, "Exceeded MaxStartups"):
		return []string{"too many others are logging in there: try again, or raise MaxStartups in its sshd_config"}
	case strings.Contains(line, "Not allowed at this time"):
		return []string{"it turns this machine away after failed logins (PerSourcePenalties in its sshd_config): wait some minutes, and log in with ssh first"}
	case strings.HasPrefix(line, "220"):
		return []string{fmt.Sprintf("that is an FTP or mail server; name the SSH server in front of it, and the FTP server behind: ftptunnel gateway %s", h.Addr())}
	case strings.HasPrefix(line, "HTTP/"):
		return []string{"that is a web server: is the port of the SSH server another? -p port"}
	}
	return []string{fmt.Sprintf("is %s an SSH server? see: ssh -v %s", h.Addr(), h)}
}

// identityHints is about a key file that cannot be used. An agent reads what
// OpenSSH reads.
func identityHints(e *tunnel.IdentityError) []string {
	if e.Exposed {
		return []string{"chmod 600 " + e.File}
	}
	return []string{
		"load it into an agent, which may know the format: ssh-add " + e.File,
		"or, unless the key is in a hardware token, write it in OpenSSH's format: ssh-keygen -p -f " + e.File,
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func authHints(e *tunnel.HopError, auth *tunnel.AuthError) []string {
	var lines []string
	if len(auth.Tried) == 0 {
		lines = append(lines, "no key was offered: name one with -i, or load it with ssh-add")
	} else {
		lines = append(lines, "tried: "+strings.Join(auth.Tried, ", "))
	}
	return append(lines, "does this work? ssh "+e.Hop.String())
}
