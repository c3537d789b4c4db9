package hint

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
)

// forHop is about an SSH server that there is no connection to.
func forHop(e *tunnel.HopError) []string {
	name := e.Hop.String()
	var auth *tunnel.AuthError
	var stranger *tunnel.NotSSHError
	switch {
	case errors.As(e.Err, &auth):
		return forAuth(e, auth)
	case errors.As(e.Err, &stranger):
		return forStranger(e.Hop, stranger.Line)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return []string{"no SSH server listens on " + e.Hop.Addr() + ": check that it runs, and the port; try: ssh -v " + name}
	case isTimeout(e.Err), errors.Is(e.Err, syscall.EHOSTUNREACH), errors.Is(e.Err, syscall.ENETUNREACH):
		return []string{e.Hop.Addr() + " cannot be reached from here: check that it is up, its address, and firewalls; try: ssh -v " + name}
	case e.Op == "dial":
		return []string{"check the name, or its HostName in ~/.ssh/config; try: ssh -v " + name}
	}
	return []string{"compare with: ssh -v " + name}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// forStranger is about what answers with line instead of an SSH banner.
func forStranger(h tunnel.Hop, line string) []string {
	switch {
	case strings.Contains(line, "Exceeded MaxStartups"):
		return []string{"too many others are logging in there: try again, or raise MaxStartups in its sshd_config"}
	case strings.Contains(line, "Not allowed at this time"):
		return []string{"it rejects this machine after failed logins (PerSourcePenalties in its sshd_config): wait some minutes, and log in with ssh first"}
	case strings.HasPrefix(line, "220"):
		return []string{"that is an FTP or mail server; name the SSH server in front of it, and the FTP server behind: ftptunnel gateway " + h.Addr()}
	case strings.HasPrefix(line, "HTTP/"):
		return []string{"that is a web server; give the SSH server's port: -p port"}
	}
	return []string{"check that " + h.Addr() + " is an SSH server: ssh -v " + h.String()}
}

// forAuth is about a user that the server does not authenticate.
func forAuth(e *tunnel.HopError, auth *tunnel.AuthError) []string {
	if len(auth.Allowed) == 0 {
		return []string{"compare with: ssh -v " + e.Hop.String()}
	}
	var first []string
	for _, file := range auth.Locked {
		first = append(first, file+" needs a passphrase, and there is no terminal to ask for it: load it into an agent first: ssh-add "+file)
	}
	switch {
	case len(auth.Tried) > 0:
		first = append(first, "tried: "+strings.Join(auth.Tried, ", "))
	case len(auth.Locked) > 0:
		first = append(first, "no key was offered")
	default:
		first = append(first, "no key was offered: name one with -i, or load it with ssh-add")
	}
	return append(first, "check that this works: ssh "+e.Hop.String())
}

// forIdentity is about a key file. An agent accepts the formats that OpenSSH
// does.
func forIdentity(e *tunnel.IdentityError) []string {
	if e.Exposed {
		return []string{"chmod 600 " + e.File}
	}
	return []string{
		"load it into an agent, which may support the format: ssh-add " + e.File,
		"or, unless the key is in a hardware token, convert it to OpenSSH's format: ssh-keygen -p -f " + e.File,
	}
}

// forHostKey is about a host key that is not trusted. err names the hop.
func forHostKey(e *knownhosts.HostKeyError, err error) []string {
	name := "the gateway"
	var hop *tunnel.HopError
	if errors.As(err, &hop) {
		name = hop.Hop.String()
	}
	ask := "ask the administrator of " + name
	switch {
	case e.Declined:
		return nil
	case e.Kind == knownhosts.Changed && strings.HasPrefix(e.File, "KnownHostsCommand"):
		return []string{"the old key comes from KnownHostsCommand; if it was not changed on purpose, somebody may be intercepting the connection: " + ask}
	case e.Kind == knownhosts.Changed:
		return []string{
			"if the key was changed on purpose, remove the old one: ssh-keygen -R '" + e.Host + "' -f " + e.File,
			"if not, somebody may be intercepting the connection: " + ask,
		}
	case e.Kind == knownhosts.Unknown:
		lines := []string{
			"look at the key and accept it once, at a terminal: ssh " + name,
			"or accept it when it is first seen: -o StrictHostKeyChecking=accept-new",
		}
		if e.Unasked && hop != nil && hop.Hop.HostKeyAlias == "" {
			lines = append(lines, fmt.Sprintf("or compare the fingerprint with the administrator's, and add the key: ssh-keyscan -p %d %s >> ~/.ssh/known_hosts", hop.Hop.Port, hop.Hop.HostName))
		}
		return lines
	default:
		return []string{"the key has been revoked: " + ask}
	}
}
