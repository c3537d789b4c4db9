//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// check runs the command check with a password for the FTP server.
func (s *site) check(password string, args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := s.Client.Command(ctx, binary(s.t), append([]string{"check"}, args...)...)
	cmd.Env = append(cmd.Env, "FTP_PASSWORD="+password)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); !errors.As(err, new(*exec.ExitError)) {
		require.NoError(s.t, err)
	}
	s.t.Cleanup(func() {
		if s.t.Failed() || testing.Verbose() {
			s.t.Logf("check %q: %d\n%s%s", args, cmd.ProcessState.ExitCode(), &stdout, &stderr)
		}
	})
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// line returns the first line of a report about a step.
func (r result) line(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, name+" ") {
			return line
		}
	}
	t.Fatalf("nothing about %s in %s", name, r.stdout)
	return ""
}

func (r result) verdict(t *testing.T, name string) string {
	t.Helper()
	return strings.Fields(strings.TrimPrefix(r.line(t, name), name))[0]
}

func (s *site) localFTP(h *lab.Host) *lab.FTPServer {
	return lab.VSFTPD(s.t, h, lab.VSFTPDConfig{Port20: true, Local: true})
}

func TestCheckFindsNothingWrongWithAHealthyGateway(t *testing.T) {
	throughEach(t, func(s *site) {
		ftp := s.localFTP(s.Gateway)
		r := s.check(ftp.Password, "--user", ftp.User, "gateway")
		assert.Zero(s.t, r.status)
		assert.NotContains(s.t, r.stdout, "FAIL")
		for _, name := range []string{
			"configuration", "hop", "connect", "host key", "authentication", "algorithms", "forward there",
			"forward back", "greeting", "features", "login", "EPSV", "PASV", "EPRT", "PORT",
		} {
			assert.Equal(s.t, "ok", r.verdict(s.t, name), name)
		}
		assert.Contains(s.t, r.line(s.t, "hop"), "gateway:22, user root")
		assert.Contains(s.t, r.line(s.t, "host key"), "ssh-ed25519 SHA256:")
		assert.Contains(s.t, r.line(s.t, "authentication"), "/root/.ssh/id_ed25519")
		assert.Contains(s.t, r.line(s.t, "greeting"), "vsFTPd")
		assert.Contains(s.t, r.line(s.t, "GatewayPorts"), "off")
		assert.Contains(s.t, r.stdout, "Files can be moved: the FTP server does EPSV, PASV, EPRT, PORT.")
		assert.Contains(s.t, r.stdout, "Start with: ftptunnel gateway\n")
		assert.NotContains(s.t, r.stdout, "For the rest")
		assert.Empty(s.t, r.stderr)
		assert.Empty(s.t, s.Client.Listeners(s.t))
	})
}

// A document is what check --json prints.
type document struct {
	Server string
	Works  bool
	Modes  map[string]bool
	Advice []string
	Hops   []struct {
		Name        string
		Address     string
		HostKeyType string `json:"host_key_type"`
		Fingerprint string
		Credential  string
		KeyExchange string `json:"key_exchange"`
		PostQuantum bool   `json:"post_quantum"`
	}
	Steps []struct {
		Name string `json:"step"`
		Text string
	}
}

func TestCheckReportsInJSON(t *testing.T) {
	s := throughSSHD(t, "AllowTcpForwarding local", "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256")
	ftp := s.localFTP(s.Gateway)
	r := s.check(ftp.Password, "--json", "--user", ftp.User, "gateway")
	assert.Zero(t, r.status)
	var got document
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &got), r.stdout)
	assert.True(t, got.Works)
	assert.Equal(t, map[string]bool{"EPSV": true, "PASV": true, "EPRT": false, "PORT": false}, got.Modes)
	assert.Equal(t, "localhost:21", got.Server)
	require.Len(t, got.Hops, 1)
	h := got.Hops[0]
	assert.Equal(t, "root@gateway", h.Name)
	assert.Equal(t, "gateway:22", h.Address)
	assert.Equal(t, "ssh-ed25519", h.HostKeyType)
	assert.Regexp(t, `^SHA256:\S{43}$`, h.Fingerprint)
	assert.Equal(t, "/root/.ssh/id_ed25519", h.Credential)
	assert.Equal(t, "curve25519-sha256", h.KeyExchange)
	assert.False(t, h.PostQuantum)
	assert.NotEmpty(t, got.Steps)
	assert.Contains(t, strings.Join(got.Advice, "\n"), "AllowTcpForwarding seems to be local")
	for _, s := range got.Steps {
		assert.NotEmpty(t, s.Text, s.Name)
	}
}

func TestCheckSaysWhatToChangeInSSHD(t *testing.T) {
	for _, sshd := range []struct {
		option            string
		status            int
		there, back       string
		summary, toChange string
	}{
		{option: "AllowTcpForwarding no", status: 1, there: "FAIL", back: "FAIL", summary: "Nothing works yet: forward there", toChange: "set AllowTcpForwarding yes and DisableForwarding no"},
		{option: "AllowTcpForwarding remote", status: 1, there: "FAIL", back: "ok", summary: "Nothing works yet: forward there", toChange: "AllowTcpForwarding seems to be remote"},
		{option: "AllowTcpForwarding local", there: "ok", back: "FAIL", summary: "Does not work: EPRT, PORT.", toChange: "AllowTcpForwarding seems to be local"},
		{option: "PermitOpen other:21", status: 1, there: "FAIL", back: "ok", summary: "Nothing works yet: forward there", toChange: "PermitOpen localhost:*"},
		{option: "PermitOpen localhost:21", there: "ok", back: "ok", summary: "Does not work: EPSV, PASV.", toChange: "PermitOpen localhost:*"},
		{option: "PermitListen 127.0.0.1:1", there: "ok", back: "FAIL", summary: "Does not work: EPRT, PORT.", toChange: "PermitListen 127.0.0.1:*"},
		{option: "DisableForwarding yes", status: 1, there: "FAIL", back: "FAIL", summary: "Nothing works yet: forward there", toChange: "set AllowTcpForwarding yes and DisableForwarding no"},
	} {
		t.Run(sshd.option, func(t *testing.T) {
			s := throughSSHD(t, sshd.option)
			ftp := s.localFTP(s.Gateway)
			r := s.check(ftp.Password, "--user", ftp.User, "gateway")
			assert.Equal(t, sshd.status, r.status)
			assert.Equal(t, sshd.there, r.verdict(t, "forward there"))
			assert.Equal(t, sshd.back, r.verdict(t, "forward back"))
			assert.Contains(t, r.stdout, sshd.summary)
			_, advice, _ := strings.Cut(r.stdout, "\n  - ")
			assert.Contains(t, advice, sshd.toChange)
		})
	}
}

func TestCheckSaysWhatToChangeInDropbear(t *testing.T) {
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
			assert.Equal(t, dropbear.there, r.verdict(t, "forward there"))
			assert.Equal(t, dropbear.back, r.verdict(t, "forward back"))
			assert.Contains(t, r.stdout, "Dropbear seems to run with "+dropbear.flag+",")
			assert.NotContains(t, r.stdout, "sshd_config")
		})
	}
}

func TestCheckTellsForWhomTheGatewaysPortsAre(t *testing.T) {
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

func TestCheckTellsWhatIsWrongWithTheFTPServer(t *testing.T) {
	s := throughSSHD(t)
	t.Run("it is down", func(t *testing.T) {
		r := s.check("", "gateway")
		assert.Equal(t, 1, r.status)
		assert.Contains(t, r.line(t, "forward there"), "refused")
		assert.Contains(t, r.stdout, "is that server running")
		assert.NotContains(t, r.stdout, "AllowTcpForwarding")
	})
	t.Run("the gateway does not know it", func(t *testing.T) {
		throughEach(t, func(s *site) {
			r := s.check("", "gateway", "nowhere")
			assert.Equal(t, 1, r.status)
			assert.Equal(t, "FAIL", r.verdict(t, "forward there"))
			assert.Contains(t, r.stdout, "nowhere")
			assert.NotContains(t, r.stdout, "AllowTcpForwarding")
			assert.NotContains(t, r.stdout, "-j")
		})
	})
	t.Run("it is another", func(t *testing.T) {
		r := s.check("", "gateway", "localhost:22")
		assert.Equal(t, 1, r.status)
		assert.Equal(t, "ok", r.verdict(t, "forward there"))
		assert.Contains(t, r.line(t, "greeting"), `FAIL`)
		assert.Contains(t, r.line(t, "greeting"), "SSH-2.0-OpenSSH")
		assert.Contains(t, r.stdout, "is localhost:22 the FTP server")
	})
	t.Run("the password is wrong", func(t *testing.T) {
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

func TestCheckStopsWhereTheGatewayDoes(t *testing.T) {
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
	assert.Contains(t, r.stdout, "does this work? ssh root@gateway")

	assert.Equal(t, 2, s.check("", "-D", "2121", "gateway").status)
	assert.Equal(t, 2, s.check("").status)
}

func TestCheckWithoutALoginTellsWhatShouldWork(t *testing.T) {
	s := throughSSHD(t, "PermitOpen localhost:21")
	s.localFTP(s.Gateway)
	r := s.check("", "gateway")
	assert.Zero(t, r.status)
	assert.Equal(t, "skip", r.verdict(t, "login"))
	assert.Contains(t, r.stdout, "Passive mode (PASV, EPSV) will not, active mode (PORT, EPRT) should work.")
	assert.Contains(t, r.stdout, "PermitOpen localhost:*")
}

func TestCheckReportsEachHop(t *testing.T) {
	l := lab.NewWithJump(t)
	jump, gateway := lab.Dropbear(t, l.Jump, lab.DropbearConfig{}), lab.SSHD(t, l.Gateway, lab.SSHDConfig{})
	s := newSite(t, l, gateway)
	key := l.Client.NewKey(t)
	jump.AuthorizeKey(t, key)
	gateway.AuthorizeKey(t, key)
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", jump.KnownHosts()+gateway.KnownHosts())
	s.localFTP(l.Inner)
	r := s.check("", "-J", "jump", "gateway", "inner")
	assert.Zero(t, r.status)
	for _, name := range []string{"hop", "connect", "host key", "authentication", "algorithms"} {
		assert.Equal(t, 2, strings.Count(r.stdout, "\n"+name+" "), name)
	}
	assert.Contains(t, r.stdout, "root@jump: root is let in")
	assert.Contains(t, r.stdout, "root@gateway: root is let in")
	assert.Contains(t, r.stdout, "Start with: ftptunnel --jump=jump gateway inner\n")
}

func TestCheckTellsOfAnAddressThatItDoesNotFollow(t *testing.T) {
	s := throughSSHD(t)
	ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Local: true, Masquerade: "203.0.113.9"})
	ftp.WriteFile(t, "a-file", "data")
	r := s.check(ftp.Password, "--user", ftp.User, "gateway")
	assert.Zero(t, r.status)
	assert.Equal(t, "ok", r.verdict(t, "PASV"))
	assert.Contains(t, r.line(t, "PASV"), "names 203.0.113.9")
	assert.NotContains(t, r.line(t, "PASV"), "listed: 0 bytes")
}

func TestCheckAsksForThePasswordAtTheTerminal(t *testing.T) {
	s := throughSSHD(t)
	ftp := s.localFTP(s.Gateway)
	d := s.atTerminal("check", "--user", ftp.User, "gateway")
	d.answer("Password of FTP user bob at localhost:21: ", ftp.Password+"\n")
	d.answer("Start with: ftptunnel gateway", "")
	assert.NoError(t, d.cmd.Wait())
	_, after, _ := strings.Cut(d.shown(), "Password of FTP user")
	before, _, _ := strings.Cut(after, "login ")
	assert.NotContains(t, before, ": "+ftp.Password, "it is not shown")
}

func TestCheckListsInEveryModeOfEveryServer(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		ftp.WriteFile(s.t, "a-file", "data")
		r := s.check(ftp.Password, "--user", ftp.User, "gateway")
		assert.Zero(s.t, r.status)
		for _, mode := range []string{"EPSV", "PASV", "EPRT", "PORT"} {
			assert.Equal(s.t, "ok", r.verdict(s.t, mode), r.line(s.t, mode))
			assert.NotContains(s.t, r.line(s.t, mode), "listed: 0 bytes")
		}
	})
}

func TestCheckEndsWithTheSSHConnection(t *testing.T) {
	s := throughSSHD(t)
	silent, err := s.Gateway.Listen(t.Context(), "tcp", "127.0.0.1:21")
	require.NoError(t, err)
	defer silent.Close()
	p := s.Client.Start(t, s.Client.Command(context.Background(), binary(t), "check", "gateway"))
	p.Stdout.Await(t, "GatewayPorts ") // the next step waits for a greeting
	assert.Positive(t, s.ssh.KillSessions(t))
	var exit *exec.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, p.Stdout.String(), "Nothing works yet: greeting: ")
	assert.NotContains(t, p.Stdout.String(), "no answer for", "it does not wait for the end of the time")
	assert.Equal(t, 1, strings.Count(p.Stdout.String(), "authentication "))
	assert.Equal(t, 1, strings.Count(s.ssh.Log.String(), "Accepted publickey"), "it does not connect again")
}
