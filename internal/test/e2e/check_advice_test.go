//go:build linux

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/ftptunnel/internal/test/lab"
)

func TestCheckAdvisesOnSSHDConfiguration(t *testing.T) {
	for _, sshd := range []struct {
		option            string
		status            int
		there, back       string
		summary, toChange string
	}{
		{option: "AllowTcpForwarding no", status: 1, there: "FAIL", back: "FAIL", summary: "Nothing works yet: direct-tcpip", toChange: "set AllowTcpForwarding yes and DisableForwarding no"},
		{option: "AllowTcpForwarding remote", status: 1, there: "FAIL", back: "ok", summary: "Nothing works yet: direct-tcpip", toChange: "AllowTcpForwarding seems to be remote"},
		{option: "AllowTcpForwarding local", there: "ok", back: "FAIL", summary: "Does not work: EPRT, PORT.", toChange: "AllowTcpForwarding seems to be local"},
		{option: "PermitOpen other:21", status: 1, there: "FAIL", back: "ok", summary: "Nothing works yet: direct-tcpip", toChange: "PermitOpen localhost:*"},
		{option: "PermitOpen localhost:21", there: "ok", back: "ok", summary: "Does not work: EPSV, PASV.", toChange: "PermitOpen localhost:*"},
		{option: "PermitListen 127.0.0.1:1", there: "ok", back: "FAIL", summary: "Does not work: EPRT, PORT.", toChange: "PermitListen 127.0.0.1:*"},
		{option: "DisableForwarding yes", status: 1, there: "FAIL", back: "FAIL", summary: "Nothing works yet: direct-tcpip", toChange: "set AllowTcpForwarding yes and DisableForwarding no"},
	} {
		t.Run(sshd.option, func(t *testing.T) {
			s := throughSSHD(t, sshd.option)
			ftp := s.localFTP(s.Gateway)
			r := s.check(ftp.Password, "--user", ftp.User, "gateway")
			assert.Equal(t, sshd.status, r.status)
			assert.Equal(t, sshd.there, r.verdict(t, "direct-tcpip"))
			assert.Equal(t, sshd.back, r.verdict(t, "tcpip-forward"))
			assert.Contains(t, r.stdout, sshd.summary)
			heading := map[int]string{0: "For the rest:", 1: "What to do:"}[sshd.status]
			_, advice, _ := strings.Cut(r.stdout, "\n"+heading+"\n  - ")
			assert.Contains(t, advice, sshd.toChange)
		})
	}
}

func TestCheckAdvisesOnDropbearFlags(t *testing.T) {
	for _, dropbear := range []struct {
		flag        string
		status      int
		there, back string
	}{
		{"-j", 1, "FAIL", "ok"},
		{"-k", 0, "ok", "FAIL"},
	} {
		t.Run(dropbear.flag, func(t *testing.T) {
			l := lab.New(t)
			s := newSite(t, l, lab.Dropbear(t, l.Gateway, lab.DropbearConfig{Extra: []string{dropbear.flag}}))
			s.localFTP(s.Gateway)
			r := s.check("", "gateway")
			assert.Equal(t, dropbear.status, r.status)
			assert.Equal(t, dropbear.there, r.verdict(t, "direct-tcpip"))
			assert.Equal(t, dropbear.back, r.verdict(t, "tcpip-forward"))
			assert.Contains(t, r.stdout, "Dropbear seems to run with "+dropbear.flag+",")
			assert.NotContains(t, r.stdout, "sshd_config")
		})
	}
}

func TestCheckReportsGatewayPorts(t *testing.T) {
	t.Run("no", func(t *testing.T) {
		s := throughSSHD(t, "GatewayPorts no")
		ftp := s.localFTP(s.Inner)
		r := s.check(ftp.Password, "--user", ftp.User, "gateway", "inner")
		assert.Zero(t, r.status)
		assert.Contains(t, r.line(t, "GatewayPorts"), "off")
		assert.Equal(t, "ok", r.verdict(t, "EPSV"))
		assert.Equal(t, "skip", r.verdict(t, "PORT"))
		assert.Contains(t, r.stdout, "GatewayPorts clientspecified")
		assert.Contains(t, r.stdout, "Start with: ftptunnel gateway inner\n")
		assert.Contains(t, r.stdout, "set GatewayPorts clientspecified in the gateway's sshd_config, and add --active-address")

		r = s.check(ftp.Password, "--user", ftp.User, "--active-address", s.Gateway.Far.String(), "gateway", "inner")
		assert.Zero(t, r.status)
		assert.Equal(t, "FAIL", r.verdict(t, "PORT"))
		assert.Contains(t, r.stdout, "GatewayPorts clientspecified")
	})
	t.Run("clientspecified", func(t *testing.T) {
		s := throughSSHD(t, "GatewayPorts clientspecified")
		ftp := s.localFTP(s.Inner)
		r := s.check(ftp.Password, "--user", ftp.User, "--active-address", s.Gateway.Far.String(), "gateway", "inner")
		assert.Zero(t, r.status)
		assert.Contains(t, r.line(t, "GatewayPorts"), "on:")
		assert.Equal(t, "ok", r.verdict(t, "PORT"))
		assert.Equal(t, "ok", r.verdict(t, "EPRT"))
	})
}

func TestCheckReportsFaultOfFTPServer(t *testing.T) {
	s := throughSSHD(t)
	t.Run("down", func(t *testing.T) {
		r := s.check("", "gateway")
		assert.Equal(t, 1, r.status)
		assert.Contains(t, r.line(t, "direct-tcpip"), "refused")
		assert.Contains(t, r.stdout, "check that the server runs")
		assert.NotContains(t, r.stdout, "AllowTcpForwarding")
	})
	t.Run("unknown to the gateway", func(t *testing.T) {
		throughEach(t, func(s *site) {
			r := s.check("", "gateway", "nowhere")
			assert.Equal(t, 1, r.status)
			assert.Equal(t, "FAIL", r.verdict(t, "direct-tcpip"))
			assert.Contains(t, r.stdout, "nowhere")
			assert.NotContains(t, r.stdout, "AllowTcpForwarding")
			assert.NotContains(t, r.stdout, "-j")
		})
	})
	t.Run("not an FTP server", func(t *testing.T) {
		r := s.check("", "gateway", "localhost:22")
		assert.Equal(t, 1, r.status)
		assert.Equal(t, "ok", r.verdict(t, "direct-tcpip"))
		assert.Contains(t, r.line(t, "greeting"), `FAIL`)
		assert.Contains(t, r.line(t, "greeting"), "SSH-2.0-OpenSSH")
		assert.Contains(t, r.stdout, "check that localhost:22 is the FTP server's address")
	})
	t.Run("wrong password", func(t *testing.T) {
		ftp := s.localFTP(s.Gateway)
		r := s.check("not-the-password", "--user", ftp.User, "gateway")
		assert.Equal(t, 1, r.status)
		assert.Equal(t, "FAIL", r.verdict(t, "login"))
		assert.Contains(t, r.line(t, "login"), "530")
		assert.NotContains(t, r.stdout, "EPSV  ")
		assert.Contains(t, r.stdout, "check the name and the password")
		assert.NotContains(t, r.stdout+r.stderr, "not-the-password")
		assert.Equal(t, 1, strings.Count(ftp.Log.String(), "FAIL LOGIN"), "it tries once")
	})
}

func TestCheckStopsAtFirstFaultOfGateway(t *testing.T) {
	s := throughSSHD(t)
	s.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", "")
	r := s.check("", "gateway")
	assert.Equal(t, 1, r.status)
	assert.Equal(t, "FAIL", r.verdict(t, "host key"))
	assert.Contains(t, r.stdout, "look at the key and accept it once")

	s.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", s.ssh.KnownHosts())
	s.Client.NewKey(t)
	r = s.check("", "gateway")
	assert.Equal(t, 1, r.status)
	assert.Equal(t, "FAIL", r.verdict(t, "authentication"))
	assert.Contains(t, r.stdout, "check that this works: ssh root@gateway")

	assert.Equal(t, 2, s.check("", "-D", "2121", "gateway").status)
	assert.Equal(t, 2, s.check("").status)
}

func TestCheckWithoutLoginReportsWhatShouldWork(t *testing.T) {
	s := throughSSHD(t, "PermitOpen localhost:21")
	s.localFTP(s.Gateway)
	r := s.check("", "gateway")
	assert.Zero(t, r.status)
	assert.Equal(t, "skip", r.verdict(t, "login"))
	assert.Contains(t, r.stdout, "Passive mode (PASV, EPSV) will not, active mode (PORT, EPRT) should work.")
	assert.Contains(t, r.stdout, "PermitOpen localhost:*")
}
