package lab

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ftpConfigs are configurations of each FTP server, and the addresses at which it
// must then answer.
var ftpConfigs = map[string]struct {
	config FTPConfig
	hosts  []string
}{
	"IPv4":      {FTPConfig{}, []string{"127.0.0.1"}},
	"port 2100": {FTPConfig{Port: 2100}, []string{"10.77.0.2"}},
	"IPv6":      {FTPConfig{IPv6: true}, []string{"::1", "127.0.0.1"}},
}

func TestFTPServersListenAsConfiguredAndEndWithTest(t *testing.T) {
	for _, kind := range FTPServers {
		t.Run(kind.Name, func(t *testing.T) {
			lab := New(t)
			Require(t, "curl", "lftp")
			for name, test := range ftpConfigs {
				t.Run(name, func(t *testing.T) {
					server := kind.Start(t, lab.Gateway, test.config)
					assert.Equal(t, kind.Name, server.Name)
					server.WriteFile(t, "down", "hello")
					for _, host := range test.hosts {
						url := "ftp://" + net.JoinHostPort(host, strconv.Itoa(server.Port)) + "/down"
						for _, mode := range ftpModes(host) {
							assert.Equal(t, "hello", server.curl(t, append(mode, url)...), "%s %s", host, mode)
						}
					}
					if name == "IPv4" {
						testRights(t, server)
					}
					greeted(t, server, test.hosts[0]) // a session that outlives the test
				})
				waitFor(t, "the end of "+kind.Name, func() bool { return len(lab.Gateway.processes()) == 0 })
			}
		})
	}
}

// ftpModes returns the options for every mode in which curl can open data
// connections to an address.
func ftpModes(host string) [][]string {
	modes := [][]string{{"--ftp-pasv"}, {"--ftp-port", "-"}}
	if netip.MustParseAddr(host).Is4() {
		modes = append(modes, []string{"--disable-epsv"}, []string{"--disable-eprt", "--ftp-port", "-"})
	}
	return modes
}

// curl runs curl on the server's host as the server's user.
func (s *FTPServer) curl(t *testing.T, args ...string) string {
	t.Helper()
	return s.host.Run(t, "curl", append([]string{"-sS", "-u", s.User + ":" + s.Password}, args...)...)
}

// testRights tests that a server lets its user do everything.
func testRights(t *testing.T, server *FTPServer) {
	t.Helper()
	const url = "ftp://127.0.0.1/"
	h := server.host
	assert.Contains(t, server.curl(t, url), "down")
	assert.Equal(t, "lo", server.curl(t, "-C", "3", url+"down"))

	h.WriteFile(t, Home+"/long", "0123456789")
	h.WriteFile(t, Home+"/short", "abc")
	server.curl(t, "-T", Home+"/long", url+"up")
	assert.Equal(t, "0123456789", read(t, server.Path("up")))
	server.curl(t, "-T", Home+"/short", url+"up", "-T", Home+"/short", url+"down")
	assert.Equal(t, "abc", read(t, server.Path("up")))
	assert.Equal(t, "abc", read(t, server.Path("down")))
	server.curl(t, "-a", "-T", Home+"/short", url+"up")
	assert.Equal(t, "abcabc", read(t, server.Path("up")))

	// lftp uses REST and STOR, curl APPE.
	server.WriteFile(t, "up", "01234")
	h.Run(t, "lftp", "-u", server.User+","+server.Password, "-e",
		"set ftp:ssl-allow no; put -c "+Home+"/long -o up; exit", url)
	assert.Equal(t, "0123456789", read(t, server.Path("up")))

	server.curl(t, url, "-Q", "MKD new", "-Q", "RNFR up", "-Q", "RNTO new/moved")
	assert.Equal(t, "0123456789", read(t, server.Path("new/moved")))
	server.curl(t, url, "-Q", "DELE new/moved", "-Q", "RMD new")
	assert.NoFileExists(t, server.Path("new"))
}

func TestFTPServersMasquerade(t *testing.T) {
	for _, kind := range FTPServers {
		if !kind.Masquerades {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			lab := New(t)
			server := kind.Start(t, lab.Gateway, FTPConfig{Masquerade: "192.0.2.7"})
			cmd := lab.Gateway.Command(t.Context(), "curl", "-v", "--disable-epsv", "--ftp-skip-pasv-ip",
				"-u", server.User+":"+server.Password, "ftp://127.0.0.1/")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			assert.Contains(t, string(out), "(192,0,2,7,")
		})
	}
}

func TestFTPServersHaveVersions(t *testing.T) {
	for _, kind := range FTPServers {
		t.Run(kind.Name, func(t *testing.T) {
			assert.Regexp(t, `^\d+\.\d`, kind.Version(t))
		})
	}
}

func TestFTPServersRestartAndTheirChildrenCanBeKilled(t *testing.T) {
	for _, kind := range FTPServers {
		t.Run(kind.Name, func(t *testing.T) {
			lab := New(t)
			server := kind.Start(t, lab.Gateway, FTPConfig{})
			conn := greeted(t, server, "127.0.0.1")
			if server.workers != "" {
				assert.Positive(t, server.KillChildren(t))
				_, err := io.Copy(io.Discard, conn)
				assert.False(t, os.IsTimeout(err))
			}
			assert.Zero(t, server.KillChildren(t))
			server.Restart(t)
			greeted(t, server, "127.0.0.1")
		})
	}
}

// greeted connects to a server at an address of its host, and returns when the
// greeting has begun.
func greeted(t *testing.T, server *FTPServer, address string) net.Conn {
	t.Helper()
	conn, err := server.host.DialContext(t.Context(), "tcp", net.JoinHostPort(address, strconv.Itoa(server.Port)))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err)
	return conn
}

func TestProFTPDCompresses(t *testing.T) {
	lab := New(t)
	Require(t, "lftp")
	server := ProFTPD(t, lab.Gateway, FTPConfig{Extra: ModeZ})
	text := strings.Repeat("compress me\n", 1000)
	server.WriteFile(t, "down", text)
	assert.Equal(t, text, lab.Gateway.Run(t, "lftp", "-u", server.User+","+server.Password, "-e",
		"set ftp:ssl-allow no; set ftp:use-mode-z yes; cat down; exit", "127.0.0.1"))
	server.Log.Await(t, "MODE Z: 200")
}
