//go:build linux

package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// withTwoGateways makes a site of one host with two SSH servers: sshd on IPv4,
// which is called gateway, and Dropbear on IPv6, gateway6.
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

// servedThrough has a client served, and checks that the named gateway is the
// one in use.
func (s *site) servedThrough(p *lab.Process, gateway string) {
	s.t.Helper()
	s.succeeds("curl", "-sS", "--max-time", "40", here)
	text := p.Stderr.String()
	last := strings.LastIndex(text, `msg="gateway in use"`)
	require.Positive(s.t, last, text)
	line, _, _ := strings.Cut(text[last:], "\n")
	assert.Equal(s.t, `msg="gateway in use" gateway=`+gateway, line)
}

func TestTheNextGatewayIsUsedAndLeftWhenTheFirstIsBackAndNothingRuns(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	p := s.start("gateway,gateway6")
	s.servedThrough(p, "gateway")
	s.ssh.Kill()
	s.ssh.KillSessions(t)
	s.servedThrough(p, "gateway6")

	busy, err := s.login()
	require.NoError(t, err)
	s.ssh.Restart(t)
	back := time.Now()
	p.Stderr.Await(t, "msg=connected gateway=root@gateway using=")
	<-time.After(returnEvery + 2*time.Second)
	s.servedThrough(p, "gateway6")
	_, err = busy.command(200, "NOOP")
	assert.NoError(t, err, "what runs goes on")
	_, err = busy.command(221, "QUIT")
	assert.NoError(t, err)
	require.NoError(t, busy.Close())
	eventually(t, "the first gateway is used again", func() bool {
		return strings.Count(p.Stderr.String(), `msg="gateway in use" gateway=gateway`+"\n") == 2
	})
	t.Logf("back after %v", time.Since(back).Round(time.Millisecond))
	s.servedThrough(p, "gateway")
	eventually(t, "nothing remains at the second", func() bool {
		return !strings.Contains(s.Gateway.Run(t, "ss", "-Htn6", "state", "established"), ":22")
	})
}

func TestAFrozenGatewayGivesWayToTheNext(t *testing.T) {
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

func TestAGatewayThatDoesNotLeadToTheServerGivesWayToTheNext(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t, "PermitOpen elsewhere:21")
	s.vsftpd(s.Gateway)
	p := s.start("gateway,gateway6")
	assert.Contains(t, p.Stderr.String(), "the gateway forbids connections to localhost:21")
	s.servedThrough(p, "gateway6")
}

func TestAGatewayThatIsDownAtTheStartIsReturnedTo(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	s.ssh.Kill()
	p := s.start("gateway,gateway6")
	s.servedThrough(p, "gateway6")
	s.ssh.Restart(t)
	eventually(t, "the first gateway is used", func() bool {
		return strings.Contains(p.Stderr.String(), `msg="gateway in use" gateway=gateway`+"\n")
	})
	s.servedThrough(p, "gateway")
}

func TestAGatewayThatOnlyAPersonCanMendIsLeftOutAndSaid(t *testing.T) {
	t.Parallel()
	s, second := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	s.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", "gateway "+authorized(second.HostKeys[0])+second.KnownHosts())
	p := s.start("gateway,gateway6")
	assert.Contains(t, p.Stderr.String(), "REMOTE HOST IDENTIFICATION HAS CHANGED")
	assert.Contains(t, p.Stderr.String(), `msg="a gateway is not used any more" gateway=gateway error="verify host key`)
	s.servedThrough(p, "gateway6")
	assert.NoError(t, p.Signal(syscall.SIGTERM))
	assert.NoError(t, p.Wait(), "status 0")

	r := s.run(binary(t), "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "gateway,gateway6")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "error: verify host key root@gateway:")
}

func TestRunTakesTheGatewayThatLeadsToTheServer(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	s.ssh.Kill()
	out := s.succeeds(binary(t), "run", "gateway,gateway6", "--", "curl", "-sS", "{url}")
	assert.Contains(t, out, "pub")
}

func TestAHangupHasTheConfigurationReadAgain(t *testing.T) {
	t.Parallel()
	s, _ := withTwoGateways(t)
	s.vsftpd(s.Gateway)
	const config = lab.Home + "/.ssh/config"
	s.Client.WriteFile(t, config, "Host gw\n HostName gateway\n")
	p := s.start("gw")
	old, err := s.login()
	require.NoError(t, err)

	require.NoError(t, p.Signal(syscall.SIGHUP))
	p.Stderr.Await(t, `msg="the configuration has not changed"`)
	s.Client.WriteFile(t, config, "Host gw\n HostName gateway6\n Ciphers nonsense\n")
	require.NoError(t, p.Signal(syscall.SIGHUP))
	p.Stderr.Await(t, `level=ERROR msg="the configuration cannot be used, and the old one stays"`)
	s.Client.WriteFile(t, config, "Host gw\n HostName gateway6\n Port 2222\n ConnectTimeout 1\n")
	require.NoError(t, p.Signal(syscall.SIGHUP))
	p.Stderr.Await(t, `level=ERROR msg="no connection with the new configuration, and the old one stays"`)
	s.Client.WriteFile(t, config, "Host gw\n HostName gateway6\n")
	require.NoError(t, p.Signal(syscall.SIGHUP))
	p.Stderr.Await(t, `msg="the configuration has changed: new clients use it"`)

	_, err = old.command(200, "NOOP")
	assert.NoError(t, err, "who is there stays")
	connections := func(family string) string {
		return s.Gateway.Run(t, "ss", "-Htn"+family, "state", "established", "sport = 22")
	}
	s.succeeds("curl", "-sS", here)
	assert.NotEmpty(t, connections("4"))
	assert.NotEmpty(t, connections("6"))
	_, err = old.command(221, "QUIT")
	assert.NoError(t, err)
	eventually(t, "the old connection ends with its last client", func() bool { return connections("4") == "" })
	s.succeeds("curl", "-sS", here)
}

// A program in a terminal's background would otherwise go on unseen, holding its
// port.
func TestAHangupOfItsTerminalEndsTheProgram(t *testing.T) {
	t.Parallel()
	lab.Require(t, "curl", "script")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	terminal := s.Client.Start(t, s.Client.Command(context.Background(), "script", "-qfc", binary(t)+" gateway", "/dev/null"))
	terminal.Stdout.Await(t, "ftp://127.0.0.1:2121")
	s.succeeds("curl", "-sS", here)
	terminal.Kill()
	eventually(t, "it has ended", func() bool { return len(s.Client.Listeners(t)) == 0 })
}
