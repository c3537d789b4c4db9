//go:build linux

package e2e

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// python is an interpreter that any user may run.
const python = "/usr/bin/python3"

// boundClient is a client that connects to an address and port from another
// address, with a socket bound to an interface, each unless empty. It prints what
// it receives first, or exits with noWay if the kernel connects no such socket.
const boundClient = `
import socket, sys
host, port, source, device = sys.argv[1:]
family, kind, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
s = socket.socket(family, kind)
s.settimeout(1)
try:
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    if source:
        s.bind(socket.getaddrinfo(source, 0, type=kind)[0][4])
    s.connect(address)
except OSError:
    sys.exit(3)
s.settimeout(20)
print(s.recv(1000).decode())
`

// noWay is the status of boundClient if it cannot connect.
const noWay = 3

// An approach is a way to connect to a port of the program's from its own host.
type approach struct{ host, source, device string }

// approaches returns the ways to a listener at host that do not go from one
// loopback address to another.
func (s *site) approaches(host string) (all []approach) {
	for _, source := range []string{"10.99.0.1", "10.99.0.77", "10.77.0.1"} {
		for _, device := range []string{"", "lo", "gateway"} {
			all = append(all, approach{host, source, device})
		}
	}
	return all
}

// linkLocal returns the address of an interface of the client's host, with its
// scope: the interface's number, since the test's own host has no such name.
func (s *site) linkLocal(device string) string {
	s.t.Helper()
	var fields []string
	eventually(s.t, "a link-local address that the kernel connects from", func() bool {
		fields = strings.Fields(s.succeeds("ip", "-6", "-o", "addr", "show", "dev", device, "scope", "link", "-tentative"))
		return len(fields) > 0
	})
	for _, field := range fields {
		if prefix, err := netip.ParsePrefix(field); err == nil {
			return prefix.Addr().WithZone(strings.TrimSuffix(fields[0], ":")).String()
		}
	}
	s.t.Fatal("no link-local address on " + device)
	return ""
}

// greeting returns what a user of the client's host receives first, or nothing if
// there is no such way.
func (s *site) greeting(user string, a approach, port string) string {
	s.t.Helper()
	args := []string{"--reuid=" + user, "--clear-groups", python, "-c", boundClient, a.host, port, a.source, a.device}
	r := s.run("setpriv", args...)
	if r.status == noWay {
		return ""
	}
	require.Zero(s.t, r.status, r.stderr)
	return r.stdout
}

// Any user may give a connection on this machine another look: the address of
// another interface, a socket that is bound to one, a link-local address.
func TestLocalUserIsRecognizedByEveryWayOfConnecting(t *testing.T) {
	t.Parallel()
	lab.Require(t, "setpriv", python)
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.succeeds("ip", "addr", "add", "10.99.0.1/24", "dev", "lo")
	s.succeeds("ip", "addr", "add", "fd99::1/64", "dev", "lo")
	link := s.linkLocal("gateway")
	s.start("-L", "2121:localhost:21", "-L", "*:2122:localhost:21", "gateway")

	served := 0
	try := func(a approach, port string) {
		if got := s.greeting(lab.User, a, port); got != "" {
			assert.Contains(t, got, "421 user 2121 may not use this port", "%+v to port %s", a, port)
		}
		if got := s.greeting("root", a, port); got != "" {
			assert.Contains(t, got, "220 ", "%+v to port %s", a, port)
			served++
		}
	}
	for _, a := range s.approaches("127.0.0.1") {
		try(a, "2121")
	}
	for _, a := range append(s.approaches("10.77.0.1"), approach{"10.77.0.1", "", ""}, approach{"10.99.0.1", "", ""}, approach{"10.99.0.5", "", ""}) {
		try(a, "2122")
	}
	for _, a := range []approach{
		{"fd77::1", "", ""}, {"fd77::1", "", "gateway"}, {"fd77::1", "fd99::1", "lo"}, {"fd99::1", "", ""}, {"fd99::1", "fd77::1", ""},
		{link, "", ""}, {link, "", "gateway"}, {link, "fd77::1", "gateway"},
	} {
		try(a, "2122")
	}
	assert.Greater(t, served, 10, "most of these connections can be made")
}

// A data port is open to the owner of its control connection only, by whichever
// address it is reached.
func TestOtherUserGetsNoDataOverLinkLocalAddress(t *testing.T) {
	t.Parallel()
	lab.Require(t, "setpriv", python)
	s := throughSSHD(t)
	s.vsftpd(s.Gateway).WriteFile(t, "secret", "secret")
	link := s.linkLocal("gateway")
	p := s.start("--allow-user=bob", "-L", "*:2121:localhost:21", "gateway")
	c := s.loginAt(net.JoinHostPort(link, "2121"))
	port, err := c.open("EPSV")
	require.NoError(t, err)
	_, number := splitPort(t, port.at)
	stolen := s.run("setpriv", "--reuid="+lab.User, "--clear-groups", python, "-c", boundClient, link, number, "", "")
	assert.Empty(t, strings.TrimSpace(stolen.stdout))
	p.awaitLog("a data connection was " + rejection)
	data, err := c.begin(port, "RETR pub/secret", true)
	require.NoError(t, err)
	got, err := c.receive(data)
	require.NoError(t, err)
	assert.Equal(t, "secret", string(got))
}
