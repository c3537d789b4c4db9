//go:build linux

package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// withTwoGateways returns a site whose gateway has two SSH servers: sshd on IPv4,
// called gateway, and Dropbear on IPv6, called gateway6.
func withTwoGateways(t *testing.T, sshd ...string) (s *site, second *lab.SSHServer) {
	lab.Require(t, "curl")
	l := lab.New(t)
	first := lab.SSHD(t, l.Gateway, lab.SSHDConfig{Extra: append([]string{"AddressFamily inet"}, sshd...)})
	second = lab.Dropbear(t, l.Gateway, lab.DropbearConfig{})
	s = newSite(t, l, first)
	both := strings.ReplaceAll(first.KnownHosts(), "gateway6,", "") + strings.ReplaceAll(second.KnownHosts(), "gateway,", "")
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", both)
	return s, second
}

// returnEvery is how often the program tries a better gateway.
const returnEvery = 10 * time.Second

// servedThrough checks that a client is served through the named gateway.
func (s *site) servedThrough(p *program, gateway string) {
	s.t.Helper()
	s.curl("--max-time", "40", here)
	used := p.logged(inUse)
	require.NotEmpty(s.t, used)
	assert.Equal(s.t, gateway, used[len(used)-1][attrGateway])
}

func TestNextGatewayIsUsedUntilFirstIsBackAndIdle(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	p := s.start("gateway,gateway6")
	s.servedThrough(p, "gateway")
	s.ssh.Kill()
	s.ssh.KillSessions(t)
	s.servedThrough(p, "gateway6")

	busy := s.login()
	s.ssh.Restart(t)
	back := time.Now()
	p.awaitLog("connected", attrGateway, "gateway")
	<-time.After(returnEvery + 2*time.Second)
	s.servedThrough(p, "gateway6")
	_, err := busy.command(200, "NOOP")
	assert.NoError(t, err, "the session continues")
	assert.NoError(t, busy.quit())
	eventually(t, "the first gateway is used again", func() bool { return len(p.logged(inUse, attrGateway, "gateway")) == 2 })
	t.Logf("back after %v", time.Since(back).Round(time.Millisecond))
	s.servedThrough(p, "gateway")
	eventually(t, "the connection to the second is closed", func() bool {
		return !strings.Contains(s.Gateway.Run(t, "ss", "-Htn6", "state", "established"), ":22")
	})
}

func TestNextGatewayIsUsedIfFirstIsFrozen(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	p := s.start("gateway,gateway6")
	s.servedThrough(p, "gateway")
	s.ssh.StopSessions()
	began := time.Now()
	s.servedThrough(p, "gateway6")
	t.Logf("served after %v", time.Since(began).Round(time.Millisecond))
	s.ssh.ContSessions()
}

func TestNextGatewayIsUsedIfFirstDoesNotReachServer(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t, "PermitOpen elsewhere:21")
	s.vsftpd(s.Gateway)
	p := s.start("gateway,gateway6")
	assert.Contains(t, p.Stderr.String(), "the gateway forbids connections to localhost:21")
	s.servedThrough(p, "gateway6")
}

func TestGatewayThatIsDownAtStartIsUsedOnceItIsUp(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	s.ssh.Kill()
	p := s.start("gateway,gateway6")
	s.servedThrough(p, "gateway6")
	s.ssh.Restart(t)
	p.awaitLog(inUse, attrGateway, "gateway")
	s.servedThrough(p, "gateway")
}

func TestGatewayWithChangedHostKeyIsLeftOutAndReported(t *testing.T) {
	t.Parallel()
	s, second := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	s.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", "gateway "+authorized(second.HostKeys[0])+second.KnownHosts())
	p := s.start("gateway,gateway6")
	assert.Contains(t, p.Stderr.String(), "REMOTE HOST IDENTIFICATION HAS CHANGED")
	left := p.awaitLog("gateway given up", attrGateway, "gateway")
	assert.Contains(t, left[attrError], "verify host key")
	s.servedThrough(p, "gateway6")
	assert.NoError(t, p.Signal(syscall.SIGTERM))
	assert.NoError(t, p.Wait(), "status 0")

	r := s.run(binary(t), "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "gateway,gateway6")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "error: through gateway: verify host key root@gateway:")
}

func TestRunUsesGatewayThatReachesServer(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	s.ssh.Kill()
	out := s.succeeds(binary(t), "run", "gateway,gateway6", "--", "curl", "-sS", "{url}")
	assert.Contains(t, out, "pub")
}

func TestProgramReadsConfigurationAgainOnSIGHUP(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	configure := func(lines string) {
		s.Client.WriteFile(t, lab.Home+"/.ssh/config", "Host gw\n"+lines)
	}
	configure(" HostName gateway\n")
	p := s.start("gw")
	old := s.login()

	for _, c := range []struct{ lines, logged string }{
		{" HostName gateway\n", `msg="configuration unchanged"`},
		{" HostName gateway6\n Ciphers nonsense\n", `level=ERROR msg="configuration rejected"`},
		{" HostName gateway6\n Port 2222\n ConnectTimeout 1\n", `level=ERROR msg="no connection with the changed configuration"`},
		{" HostName gateway6\n", `msg="configuration changed"`},
	} {
		configure(c.lines)
		require.NoError(t, p.Signal(syscall.SIGHUP))
		p.Stderr.Await(t, c.logged)
	}

	_, err := old.command(200, "NOOP")
	assert.NoError(t, err, "the session continues")
	connections := func(family string) string {
		return s.Gateway.Run(t, "ss", "-Htn"+family, "state", "established", "sport = 22")
	}
	s.curl(here)
	assert.NotEmpty(t, connections("4"))
	assert.NotEmpty(t, connections("6"))
	assert.NoError(t, old.quit())
	eventually(t, "the old connection ends with its last client", func() bool { return connections("4") == "" })
	s.curl(here)
}
