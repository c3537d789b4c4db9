//go:build linux

package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A loopback is one of the two addresses on which a program can listen.
type loopback struct {
	name   string
	host   string // as in an address with a port
	listen string // for -L
}

var loopbacks = []loopback{
	{"IPv4", "127.0.0.1", "127.0.0.1:2121:localhost:21"},
	{"IPv6", "[::1]", "[::1]:2121:localhost:21"},
}

// onEachLoopback runs test with a site that has a vsftpd.
func onEachLoopback(t *testing.T, test func(s *site, l loopback, ftp *lab.FTPServer)) {
	for _, l := range loopbacks {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			test(s, l, s.vsftpd(s.Gateway))
		})
	}
}

func TestOtherUserOfClientsHostIsRejectedUnlessAllowed(t *testing.T) {
	lab.Require(t, "curl", "setpriv")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	s.curl(here)
	r := s.as("curl", "-sS", "-v", here)
	assert.NotZero(t, r.status)
	assert.Contains(t, r.stderr, "421 user 2121 may not use this port")
	p.Stderr.Await(t, "to serve this user too: --allow-user=bob")
	require.NoError(t, p.Signal(os.Interrupt))
	require.NoError(t, p.Wait())

	s.start("--allow-user=bob", "gateway")
	assert.Zero(t, s.as("curl", "-sS", here).status)
	s.curl(here)
}

func TestOtherUserGetsNoDataOfClient(t *testing.T) {
	lab.Require(t, "nc", "setpriv")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.start("--allow-user=bob", "gateway")
	c := s.login()
	port, err := c.open("EPSV")
	require.NoError(t, err)
	assert.Empty(t, s.steal(port))
	p.awaitLog("a data connection was " + rejection)
	data, err := c.begin(port, "LIST", true)
	require.NoError(t, err)
	_, err = c.receive(data)
	assert.NoError(t, err)
}

// steal connects to a data port as another user, and returns what that gets.
func (s *site) steal(port *dataPort) string {
	s.t.Helper()
	host, number := splitPort(s.t, port.at)
	return s.as("sh", "-c", "echo rogue | nc -w 5 "+host+" "+number).stdout
}

func TestUsersAreTreatedAlikeOnBothLoopbacks(t *testing.T) {
	t.Parallel()
	lab.Require(t, "curl", "nc", "setpriv")
	onEachLoopback(t, func(s *site, l loopback, ftp *lab.FTPServer) {
		p := s.startAt(l.host+":2121\n", binary(s.t), "-L", l.listen, "gateway")
		rejected := s.as("curl", "-sS", "-v", "-g", "ftp://"+l.host+":2121")
		assert.NotZero(s.t, rejected.status)
		assert.Contains(s.t, rejected.stderr, "421 user 2121 may not use this port")
		p.awaitLog("a client was " + rejection)
		p.Stderr.Await(s.t, "--allow-user=bob")

		// The same with a data port, to which the other user is first.
		ftp.WriteFile(s.t, "secret", "secret")
		c := s.loginAt(l.host + ":2121")
		port, err := c.open("EPSV")
		require.NoError(s.t, err)
		assert.Empty(s.t, s.steal(port))
		p.awaitLog("a data connection was " + rejection)
		data, err := c.begin(port, "RETR pub/secret", true)
		require.NoError(s.t, err)
		got, err := c.receive(data)
		require.NoError(s.t, err)
		assert.Equal(s.t, "secret", string(got))
	})
}

// If an ordinary user runs the program, that user and root may use it.
func TestRootMayUseProgramOfUser(t *testing.T) {
	t.Parallel()
	lab.Require(t, "curl", "setpriv")
	onEachLoopback(t, func(s *site, l loopback, _ *lab.FTPServer) {
		for _, name := range []string{"id_ed25519", "known_hosts"} {
			text, err := os.ReadFile(s.Client.Path(lab.Home + "/.ssh/" + name))
			require.NoError(s.t, err)
			s.Client.WriteFile(s.t, lab.UserHome+"/.ssh/"+name, string(text))
		}
		s.Client.Run(s.t, "chown", "-R", lab.User, lab.UserHome)
		s.startAt(l.host+":2121\n", "setpriv", "--reuid="+lab.User, "--clear-groups",
			"env", "HOME="+lab.UserHome, "USER="+lab.User, binary(s.t), "-L", l.listen, "root@10.77.0.2")

		conversation := func(user string) string {
			return s.run("setpriv", "--reuid="+user, "--clear-groups", "curl", "-sS", "-v", "-g", "ftp://"+l.host+":2121").stderr
		}
		for _, user := range []string{"root", lab.User} {
			assert.Contains(s.t, conversation(user), "< 230 ", user)
		}
		assert.Regexp(s.t, `421 user \d+ may not use this port`, conversation("nobody"))
	})
}
