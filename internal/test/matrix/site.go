package matrix

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
)

// A site is a lab with one server and one way to it.
type site struct {
	t       testing.TB
	key     Key            // without the client
	host    *lab.Host      // where the clients run
	target  clients.Target // without the cell's directory
	running Running
	tunnel  *lab.Process // nil without one
	cells   int
}

// patience is how many seconds a client waits for anything: less than the limit
// after which it is killed, so that it can report what it waited for.
const patience = 4

// newSite starts a server and what carries FTP to it. Binary is the path of
// ftptunnel.
func newSite(t testing.TB, binary string, server *Server, carrier Carrier, route Route) *site {
	t.Helper()
	l := lab.New(t)
	running := server.Start(t, l.Gateway, route.Server6)
	s := &site{
		t: t, key: Key{Carrier: carrier, Route: route, Server: server.Name}, running: running,
		target: clients.Target{User: running.User, Password: running.Password, Dir: running.Dir, Patience: patience},
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

// logged returns the length of the tunnel's log so far.
func (s *site) logged() int {
	if s.tunnel == nil {
		return 0
	}
	return len(s.tunnel.Stderr.String())
}

// loggedSince returns what the tunnel has logged since logged returned then.
func (s *site) loggedSince(then int) string {
	if s.tunnel == nil {
		return ""
	}
	return s.tunnel.Stderr.String()[then:]
}

// run runs a client in a directory of its host, and kills it after limit.
func (s *site) run(limit time.Duration, dir string, i clients.Invocation) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	cmd := i.Command(ctx, s.host, dir)
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), complaints.String(), err
}
