//go:build linux

package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// as runs a program on the client as lab.User.
func (s *site) as(name string, args ...string) result {
	s.t.Helper()
	return s.run("setpriv", append([]string{"--reuid=" + lab.User, "--clear-groups", name}, args...)...)
}

func TestAnotherUserOfThisMachineIsTurnedAway(t *testing.T) {
	lab.Require(t, "curl", "setpriv")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	s.succeeds("curl", "-sS", here)
	r := s.as("curl", "-sS", "-v", here)
	assert.NotZero(t, r.status)
	assert.Contains(t, r.stderr, "421 it is user 2121's, who has no business here")
	p.Stderr.Await(t, "that is bob; if all is well: --allow-user=bob")
	require.NoError(t, p.Signal(os.Interrupt))
	require.NoError(t, p.Wait())

	s.start("--allow-user=bob", "gateway")
	assert.Zero(t, s.as("curl", "-sS", here).status)
	s.succeeds("curl", "-sS", here)
}

func TestAnotherUserOfThisMachineGetsNoData(t *testing.T) {
	lab.Require(t, "nc", "setpriv")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.start("--allow-user=any", "gateway")
	c, err := s.login()
	require.NoError(t, err)
	port, err := c.passivePort()
	require.NoError(t, err)
	stolen := s.as("sh", "-c", "echo rogue | nc -w 5 127.0.0.1 "+port)
	assert.Empty(t, stolen.stdout)
	p.Stderr.Await(t, "a data connection is turned away")
	conn, err := s.Client.DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	defer conn.Close()
	_, err = c.command(150, "LIST")
	require.NoError(t, err)
	_, _, err = c.ReadResponse(226)
	assert.NoError(t, err)
}
