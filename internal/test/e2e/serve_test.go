//go:build linux

package e2e

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

const configFile = lab.Home + "/.config/ftptunnel/config.toml"

// configure writes the configuration file.
func (s *site) configure(text string) {
	s.t.Helper()
	s.Client.WriteFile(s.t, configFile, text)
	require.NoError(s.t, os.Chmod(s.Client.Path(configFile), 0o600))
}

// threeTunnels are on two gateways, and the port of one can be changed.
func threeTunnels(changed string) string {
	return `
[log]
format = "json"
[tunnel.payroll]
gateway = "gateway"
[tunnel.other]
gateway = ["gateway"]
listen = "` + changed + `"
[tunnel.many]
gateway = "gateway6"
dynamic = "2200"
allow-target = "localhost"
`
}

func TestServeRunsTunnelsThatShareGateways(t *testing.T) {
	t.Parallel()
	s, second := withTwoGateways(t)
	ftp := s.localFTP(s.Gateway)
	ftp.WriteFile(t, "f", "data")
	s.configure(threeTunnels("2122"))
	p := s.background(binary(t), "serve")
	p.Stdout.Await(t, "ftp://127.0.0.1:2121 payroll\nftp://127.0.0.1:2122 other\nftp://127.0.0.1:2200 many\n")
	user := lab.User + ":" + ftp.Password
	for at, login := range map[string]string{"2121": user, "2122": user, "2200": lab.User + "@localhost:" + ftp.Password} {
		r := s.run("curl", "-sS", "-u", login, "ftp://127.0.0.1:"+at+"/f")
		assert.Equal(t, "data", r.stdout, "%s: %s", at, r.stderr)
	}
	for name, gateway := range map[string]string{"payroll": "gateway", "other": "gateway", "many": "gateway6"} {
		line := p.awaitLog("transfer", "tunnel", name)
		assert.Equal(t, gateway, line[attrGateway])
	}
	assert.Len(t, p.logged("connected", attrGateway, "gateway"), 1, "one SSH connection for two tunnels")

	second.Kill()
	second.KillSessions(t)
	p.awaitLog("cannot connect", attrGateway, "gateway6")
	assert.Equal(t, "data", s.run("curl", "-sS", "-u", user, "ftp://127.0.0.1:2121/f").stdout, "the other gateway's tunnels go on")
	assert.NoError(t, p.Signal(syscall.SIGTERM))
	assert.NoError(t, p.Wait(), "status 0")
}

// The download of one tunnel runs while another tunnel is changed, and then while
// the file has a mistake.
func TestChangeOfOneTunnelLeavesTransferOfAnotherAlone(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	data := random(20 << 20)
	s.vsftpd(s.Gateway).WriteFile(t, "big", string(data))
	s.configure(threeTunnels("2122"))
	p := s.background(binary(t), "serve")
	p.Stdout.Await(t, "many\n")
	c := s.login()
	download, err := c.transfer("EPSV", "RETR pub/big")
	require.NoError(t, err)
	first := make([]byte, 1<<20)
	_, err = io.ReadFull(download, first)
	require.NoError(t, err)

	s.configure(threeTunnels("2123"))
	assert.NoError(t, p.Signal(syscall.SIGHUP))
	p.awaitLog("tunnel changed", "tunnel", "other")
	assert.NotZero(t, s.run("curl", "-sS", "ftp://127.0.0.1:2122/").status, "the old port is closed")
	s.curl("ftp://127.0.0.1:2123/")

	s.configure(strings.Replace(threeTunnels("2124"), "dynamic", "dynamik", 1))
	assert.NoError(t, p.Signal(syscall.SIGHUP))
	line := p.awaitLog("configuration file rejected")
	assert.Contains(t, line[attrError], configFile+":11: tunnel.many.dynamik: there is no such key")
	assert.Equal(t, "dynamic, perhaps", line["hint"])
	s.curl("ftp://127.0.0.1:2123/")

	rest, err := c.receive(download)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, append(first, rest...)), "byte for byte")
	assert.NoError(t, c.quit())
	assert.Len(t, p.logged("tunnel changed"), 1)
	assert.Empty(t, p.logged("tunnel removed"))
}

func TestGatewayThatIsDownAtTheStartOfServeIsUsedOnceItIsUp(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.ssh.Kill()
	s.configure("[tunnel.a]\ngateway = 'gateway'\n[log]\nformat = 'json'\n")
	p := s.background(binary(t), "serve")
	p.Stdout.Await(t, here)
	r := s.run("curl", "-sSv", here)
	assert.Contains(t, r.stderr, "< 421 ")
	assert.Contains(t, r.stderr, "connection refused")
	p.awaitLog("cannot connect", attrGateway, "gateway")
	s.ssh.Restart(t)
	p.awaitLog("connected", attrGateway, "gateway")
	s.curl(here)
}

func TestServeCheckPrintsWhatWouldBeDone(t *testing.T) {
	t.Parallel()
	s, second := withTwoGateways(t)
	s.ssh.Kill()
	second.Kill()
	s.Client.WriteFile(t, lab.Home+"/.ssh/config", "Host gateway6\n  ProxyJump bob@jump\n  Port 2222\n")
	s.configure(threeTunnels("2122"))
	r := s.run(binary(t), "serve", "--check")
	assert.Zero(t, r.status, r.stderr)
	assert.Equal(t, `payroll
  port     localhost:2121, for localhost:21
  gateway  gateway: root@gateway port 22
other
  port     localhost:2122, for localhost:21
  gateway  gateway: root@gateway port 22
many
  port     localhost:2200, for the server that each login names
  gateway  gateway6: root@gateway6 port 2222 through bob@jump port 22
`+configFile+` can be used: 3 tunnels, 2 gateways
`, r.stdout)
	require.NoError(t, os.Chmod(s.Client.Path(configFile), 0o660))
	r = s.run(binary(t), "serve", "--check")
	assert.Equal(t, 2, r.status)
	assert.Equal(t, "error: "+configFile+": other users may write to the file\nhint: chmod go-w "+configFile+"\n", r.stderr)
}
