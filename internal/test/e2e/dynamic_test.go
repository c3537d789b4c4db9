//go:build linux

package e2e

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// startDynamic starts the program with a port on which logins name servers.
func (s *site) startDynamic(args ...string) *lab.Process {
	s.t.Helper()
	p := s.Client.Start(s.t, s.Client.Command(context.Background(), binary(s.t), append([]string{"-D", "2121"}, append(args, "gateway")...)...))
	p.Stdout.Await(s.t, "ftp://127.0.0.1:2121")
	return p
}

// loginTo is a URL whose login names server.
func loginTo(server string) string {
	return (&url.URL{Scheme: "ftp", User: url.UserPassword("anonymous@"+server, "x"), Host: "127.0.0.1:2121"}).String()
}

func TestOnePortServesTheServersThatLoginsName(t *testing.T) {
	lab.Require(t, "curl", "lftp", "ncftpget")
	throughEach(t, func(s *site) {
		for _, h := range []*lab.Host{s.Gateway, s.Inner} {
			ftp := lab.VSFTPD(s.t, h, lab.VSFTPDConfig{IPv6: true})
			require.NoError(s.t, os.WriteFile(filepath.Join(ftp.Root, "pub", "name"), []byte(h.Name), 0o644))
		}
		s.startDynamic()
		for server, name := range map[string]string{"gateway": "gateway", "inner": "inner", "10.78.0.2": "inner", "[fd78::2]": "inner", "inner6:21": "inner"} {
			assert.Equal(s.t, name, s.succeeds("curl", "-sS", loginTo(server)+"/pub/name"), server)
			assert.Equal(s.t, name, s.succeeds("curl", "-sS", "-P", "-", loginTo(server)+"/pub/name"), server)
			assert.Equal(s.t, name, s.succeeds("lftp", "-u", "anonymous@"+server+",x", "-e", "set net:max-retries 1; set cmd:fail-exit yes; cat pub/name; exit", here), server)
		}
		assert.Equal(s.t, "inner", s.succeeds("ncftpget", "-c", "-V", "-u", "anonymous@inner", "-p", "x", "-P", "2121", "127.0.0.1", "/pub/name"))
		// lftp knows such a port as a proxy.
		assert.Equal(s.t, "inner", s.succeeds("lftp", "-c", "set net:max-retries 1; set cmd:fail-exit yes; set ftp:proxy "+here+"; open ftp://anonymous:x@inner; cat pub/name"))
	})
}

func TestLoginsNameOnlyWhatTheyMay(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.vsftpd(s.Inner)
	try := func(server string) result {
		return s.run("curl", "-sS", loginTo(server)+"/pub/")
	}
	p := s.startDynamic()
	for _, server := range []string{"localhost", "127.0.0.1", "[::1]", "inner:22", "127.1"} {
		assert.Equal(t, 67, try(server).status, "%s: %s", server, p.Stderr) // login denied
	}
	p.Stderr.Await(t, "hint=\"allow it: --allow-target=localhost:21\"")
	assert.Zero(t, try("inner").status)
	require.NoError(t, p.Signal(os.Interrupt))
	_ = p.Wait()
	p = s.startDynamic("--allow-target", "localhost", "--allow-target", "10.78.0.0/24:21")
	assert.Zero(t, try("localhost").status)
	assert.Zero(t, try("10.78.0.2").status)
	assert.Equal(t, 67, try("inner").status, "names are not looked up")
	p.Stderr.Await(t, "not among the servers")
}
