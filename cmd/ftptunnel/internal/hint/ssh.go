package hint

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// forHop is about an SSH server that there is no connection to.
func (a Adviser) forHop(e *tunnel.HopError) []string {
	try := a.ssh(e.Hop, "-v")
	var auth *tunnel.AuthError
	var stranger *tunnel.NotSSHError
	switch {
	case errors.As(e.Err, &auth):
		return a.forAuth(e, auth)
	case errors.As(e.Err, &stranger):
		return a.forStranger(e.Hop, stranger.Line)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return []string{"no SSH server listens on " + e.Hop.Addr() + ": check that it runs, and the port; try: " + try}
	case isTimeout(e.Err), errors.Is(e.Err, syscall.EHOSTUNREACH), errors.Is(e.Err, syscall.ENETUNREACH):
		return []string{e.Hop.Addr() + " cannot be reached from here: check that it is up, its address, and firewalls; try: " + try}
	case e.Op == "dial":
		return []string{"check the name, or its HostName in ~/.ssh/config; try: " + try}
	}
	return []string{"compare with: " + try}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// replyLine matches a reply of FTP or SMTP.
var replyLine = regexp.MustCompile(`^[1-5][0-9][0-9][ -]`)

// forStranger is about what answers with line instead of an SSH banner.
func (a Adviser) forStranger(h tunnel.Hop, line string) []string {
	switch {
	case strings.Contains(line, "Exceeded MaxStartups"):
		return []string{"too many others are logging in there: try again, or raise MaxStartups in its sshd_config"}
	case strings.Contains(line, "Not allowed at this time"):
		return []string{"it rejects this machine after failed logins (PerSourcePenalties in its sshd_config): wait some minutes, and log in with ssh first"}
	case replyLine.MatchString(line):
		return []string{"that is an FTP or mail server; name the SSH server in front of it, and the FTP server behind: " + a.Typed.Without("port").With("gateway", h.Addr()).String()}
	case strings.HasPrefix(line, "HTTP/"):
		return []string{"that is a web server; give the SSH server's port: -p port"}
	}
	return []string{"check that " + h.Addr() + " is an SSH server: " + a.ssh(h, "-v")}
}

// forAuth is about a user that the server does not authenticate.
func (a Adviser) forAuth(e *tunnel.HopError, auth *tunnel.AuthError) []string {
	if len(auth.Allowed) == 0 {
		return []string{"compare with: " + a.ssh(e.Hop) + " -v"}
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
	return append(first, "check that this works: "+a.ssh(e.Hop))
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
func (a Adviser) forHostKey(e *knownhosts.HostKeyError, err error) []string {
	name, try := "the gateway", "ssh"
	var hop *tunnel.HopError
	if errors.As(err, &hop) {
		name, try = hop.Hop.String(), a.ssh(hop.Hop)
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
			"look at the key and accept it once, at a terminal: " + try,
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

// ssh returns an ssh command line to h, with the flags of ssh's that were given and
// some more. On the way to a jump host only -F has an effect.
func (a Adviser) ssh(h tunnel.Hop, more ...string) string {
	typed := a.Typed
	port := h.Port != 22 && h.Port != 0
	if a.isGateway(h) {
		port = port && !typed.Has("port") && strings.Contains(typed.Args[0], "ssh://")
	} else {
		typed = typed.Without("identity", "port", "jump", "option", "ipv4", "ipv6")
	}
	if port {
		typed = typed.WithFlag("port", "p", strconv.Itoa(h.Port))
	}
	return typed.SSH(more...) + " " + h.String()
}

// isGateway reports whether h is a gateway that was typed, not a jump host.
func (a Adviser) isGateway(h tunnel.Hop) bool {
	if len(a.Typed.Args) == 0 {
		return false
	}
	for name := range strings.SplitSeq(a.Typed.Args[0], ",") {
		uri, isURI := strings.CutPrefix(name, "ssh://")
		if isURI {
			name = strings.TrimSuffix(uri, "/")
		}
		name = name[strings.LastIndexByte(name, '@')+1:]
		if host, _, err := net.SplitHostPort(name); isURI && err == nil {
			name = host
		}
		if strings.Trim(name, "[]") == h.Alias {
			return true
		}
	}
	return false
}

// forConfig is about the ssh configuration, or the command line in its place.
func (a Adviser) forConfig(e *sshconfig.Error) []string {
	switch {
	case e.Problem == sshconfig.PortInName:
		return []string{"give the port with -p: " + a.Typed.Without("port").WithFlag("port", "p", e.Port).With(append([]string{e.Host}, a.Typed.Args[min(1, len(a.Typed.Args)):]...)...).String()}
	case e.Problem == sshconfig.InName:
		return []string{"name the gateway as ssh does: [user@]host or ssh://[user@]host[:port]"}
	case e.Problem == sshconfig.JumpLoop:
		return []string{"end the loop in the ssh configuration: a section \"Host " + e.Host + "\" with \"ProxyJump none\""}
	case e.Problem == sshconfig.Unsupported:
		return []string{"change the line, or install an OpenSSH client, which may support it"}
	case e.Problem == sshconfig.InFile:
		return []string{"compare with: " + a.Typed.SSH("-G") + " " + a.gateway()}
	}
	switch e.Option {
	case "-i":
		return []string{"name a file with a private key: " + a.Typed.Without("identity").WithFlag("identity", "i", "FILE").String()}
	case "-F":
		return []string{"name a file in the form of ~/.ssh/config, or none: " + a.Typed.Without("config").WithFlag("config", "F", "none").String()}
	case "-J":
		return []string{"-J [user@]host[:port],... with an IPv6 address in brackets"}
	}
	return []string{"-o KEYWORD=VALUE, with a keyword of ssh_config(5); compare with: " + a.Typed.SSH("-G") + " " + a.gateway()}
}

// gateway returns the gateway as it was typed.
func (a Adviser) gateway() string {
	if len(a.Typed.Args) == 0 {
		return "gateway"
	}
	return a.Typed.Args[0]
}
