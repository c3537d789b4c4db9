package matrix

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/lab"
)

// A site is a lab in which a server runs, and a way to it.
type site struct {
	t       testing.TB
	key     Key       // without the client
	host    *lab.Host // where the clients run
	target  Target    // but for the directory
	running Running
	tunnel  *lab.Process // nil without one
	cells   int
}

// newSite starts a server and what carries FTP to it. Binary is the program.
func newSite(t testing.TB, binary string, server *Server, carrier Carrier, route Route) *site {
	t.Helper()
	l := lab.New(t)
	running := server.Start(t, l.Gateway, route.Server6)
	s := &site{
		t: t, key: Key{Carrier: carrier, Route: route, Server: server.Name}, running: running,
		target: Target{User: running.User, Password: running.Password, Dir: running.Dir},
	}
	at := loopback(route.Server6, running.Port)
	if carrier == Direct {
		s.host, s.target.Address = l.Gateway, at
		return s
	}
	var ssh *lab.SSHServer
	switch carrier {
	case OpenSSH:
		ssh = lab.SSHD(t, l.Gateway, lab.SSHDConfig{Keys: []string{"ed25519"}})
	case Dropbear:
		ssh = lab.Dropbear(t, l.Gateway, lab.DropbearConfig{Keys: []string{"ed25519"}})
	}
	ssh.AuthorizeKey(t, l.Client.NewKey(t))
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", ssh.KnownHosts())
	s.host, s.target.Address = l.Client, loopback(route.Client6, 2121)
	s.tunnel = l.Client.Start(t, l.Client.Command(context.Background(), binary,
		"-vv", "-L", s.target.Address.String()+":"+at.String(), "gateway"))
	s.tunnel.Stdout.Await(t, "ftp://"+s.target.Address.String())
	return s
}

func loopback(ipv6 bool, port uint16) netip.AddrPort {
	if ipv6 {
		return netip.AddrPortFrom(netip.IPv6Loopback(), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// logged returns how much the tunnel has said so far.
func (s *site) logged() int {
	if s.tunnel == nil {
		return 0
	}
	return len(s.tunnel.Stderr.String())
}

// loggedSince returns what it has said since then.
func (s *site) loggedSince(then int) string {
	if s.tunnel == nil {
		return ""
	}
	return s.tunnel.Stderr.String()[then:]
}

// run runs a program in a directory of the clients' host. It is killed after a
// limit.
func (s *site) run(limit time.Duration, dir string, i Invocation) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	cmd := s.host.Command(ctx, "sh", append([]string{"-c", `cd "$0" && exec "$@"`, dir}, i.Args...)...)
	cmd.Env = append(cmd.Env, i.Env...)
	cmd.Stdin = strings.NewReader(i.Stdin)
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), complaints.String(), err
}
