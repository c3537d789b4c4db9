//go:build linux

package e2e

import (
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// startDynamic starts the program with a port on which logins name servers.
func (s *site) startDynamic(args ...string) *program {
	s.t.Helper()
	return s.startAt(address, binary(s.t), append(append([]string{"-D", "2121"}, args...), "gateway")...)
}

// urlTo returns a URL with a login that names a server.
func urlTo(server string) string {
	return (&url.URL{Scheme: "ftp", User: url.UserPassword("anonymous@"+server, "x"), Host: address}).String()
}

func TestOnePortServesServersThatLoginsName(t *testing.T) {
	lab.Require(t, "curl", "lftp", "ncftpget")
	throughEach(t, func(s *site) {
		for _, h := range []*lab.Host{s.Gateway, s.Inner} {
			lab.VSFTPD(s.t, h, lab.VSFTPDConfig{IPv6: true}).WriteFile(s.t, "name", h.Name)
		}
		s.startDynamic("--allow-target=*", "--allow-target=10.0.0.0/8", "--allow-target=fd78::/64")
		for server, name := range map[string]string{"gateway": "gateway", "inner": "inner", "10.78.0.2": "inner", "[fd78::2]": "inner", "inner6:21": "inner"} {
			assert.Equal(s.t, name, s.curl(urlTo(server)+"/pub/name"), server)
			assert.Equal(s.t, name, s.curl("-P", "-", urlTo(server)+"/pub/name"), server)
			assert.Equal(s.t, name, s.lftp("open -u anonymous@"+server+",x "+here, "cat pub/name"), server)
		}
		assert.Equal(s.t, "inner", s.succeeds("ncftpget", "-c", "-V", "-u", "anonymous@inner", "-p", "x", "-P", "2121", "127.0.0.1", "/pub/name"))
		// lftp can use such a port as a proxy.
		assert.Equal(s.t, "inner", s.lftp("set ftp:proxy "+here, "open ftp://anonymous:x@inner", "cat pub/name"))
	})
}

func TestLoginsNameOnlyAllowedServers(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.vsftpd(s.Inner)
	const denied = 67
	status := func(server string) int { return s.run("curl", "-sS", urlTo(server)+"/pub/").status }
	p := s.startDynamic()
	for _, server := range []string{
		"localhost", "127.0.0.1", "[::1]", "inner:22", "127.1", "127.0x1", "0177.0x1", "127.0.0x0.1", "0.0x0", "inner:022",
		"gateway", "Gateway.", "10.77.0.2", "[::ffff:10.77.0.2]", // the name that was given, and the address to which it led
	} {
		assert.Equal(t, denied, status(server), "%s: %s", server, p.Stderr)
	}
	p.Stderr.Await(t, "hint=\"allow it: --allow-target=localhost:21\"")
	assert.Zero(t, status("inner"))
	require.NoError(t, p.Signal(os.Interrupt))
	_ = p.Wait()
	p = s.startDynamic("--allow-target", "localhost", "--allow-target", "10.78.0.0/24:21")
	assert.Zero(t, status("localhost"))
	assert.Zero(t, status("10.78.0.2"))
	assert.Equal(t, denied, status("inner"), "names are not looked up")
	p.Stderr.Await(t, "not among the servers")
}
