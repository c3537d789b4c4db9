//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// check runs ftptunnel check with a password for the FTP server.
func (s *site) check(password string, args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := s.Client.Command(ctx, binary(s.t), append([]string{"check"}, args...)...)
	cmd.Env = append(cmd.Env, "FTP_PASSWORD="+password)
	r := s.wait(cmd)
	s.t.Cleanup(func() {
		if s.t.Failed() || testing.Verbose() {
			s.t.Logf("check %q: %d\n%s%s", args, r.status, r.stdout, r.stderr)
		}
	})
	return r
}

// line returns the first line of a report about a step.
func (r result) line(t *testing.T, step string) string {
	t.Helper()
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, step+" ") {
			return line
		}
	}
	t.Fatalf("no line about %s in %s", step, r.stdout)
	return ""
}

// verdict returns the verdict on a step.
func (r result) verdict(t *testing.T, step string) string {
	t.Helper()
	return strings.Fields(strings.TrimPrefix(r.line(t, step), step))[0]
}

func TestCheckFindsNothingWrongWithHealthyGateway(t *testing.T) {
	throughEach(t, func(s *site) {
		ftp := s.localFTP(s.Gateway)
		r := s.check(ftp.Password, "--user", ftp.User, "gateway")
		assert.Zero(s.t, r.status)
		assert.NotContains(s.t, r.stdout, "FAIL")
		for _, name := range []string{
			"configuration", "hop", "connect", "host key", "authentication", "algorithms", "direct-tcpip",
			"tcpip-forward", "greeting", "features", "login", "EPSV", "PASV", "EPRT", "PORT",
		} {
			assert.Equal(s.t, "ok", r.verdict(s.t, name), name)
		}
		assert.Contains(s.t, r.line(s.t, "hop"), "gateway:22, user root")
		assert.Contains(s.t, r.line(s.t, "host key"), "ssh-ed25519 SHA256:")
		assert.Contains(s.t, r.line(s.t, "authentication"), "/root/.ssh/id_ed25519")
		assert.Contains(s.t, r.line(s.t, "greeting"), "vsFTPd")
		assert.Contains(s.t, r.line(s.t, "GatewayPorts"), "off")
		assert.Contains(s.t, r.stdout, "Files can be moved: EPSV, PASV, EPRT, PORT work with the FTP server.")
		assert.Contains(s.t, r.stdout, "Start with: ftptunnel gateway\n")
		assert.NotContains(s.t, r.stdout, "For the rest")
		assert.Empty(s.t, r.stderr)
		assert.Empty(s.t, s.Client.Listeners(s.t))
	})
}

// listed matches the line of a mode in which a listing was not empty.
const listed = `listed: [1-9]\d* bytes`

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

func TestCheckReportsEachHop(t *testing.T) {
	l := lab.NewWithJump(t)
	s := newJumpSite(t, l, lab.Dropbear(t, l.Jump, lab.DropbearConfig{}), lab.SSHD(t, l.Gateway, lab.SSHDConfig{}))
	s.localFTP(l.Inner)
	r := s.check("", "-J", "jump", "gateway", "inner")
	assert.Zero(t, r.status)
	for _, name := range []string{"hop", "connect", "host key", "authentication", "algorithms"} {
		assert.Equal(t, 2, strings.Count(r.stdout, "\n"+name+" "), name)
	}
	assert.Contains(t, r.stdout, "root@jump: root is logged in")
	assert.Contains(t, r.stdout, "root@gateway: root is logged in")
	assert.Contains(t, r.stdout, "Start with: ftptunnel --jump=jump gateway inner\n")
}

func TestCheckReportsAddressThatItDoesNotUse(t *testing.T) {
	s := throughSSHD(t)
	ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Local: true, Masquerade: "203.0.113.9"})
	ftp.WriteFile(t, "a-file", "data")
	r := s.check(ftp.Password, "--user", ftp.User, "gateway")
	assert.Zero(t, r.status)
	assert.Equal(t, "ok", r.verdict(t, "PASV"))
	assert.Contains(t, r.line(t, "PASV"), "names 203.0.113.9")
	assert.Regexp(t, listed, r.line(t, "PASV"))
}

func TestCheckReadsPasswordFromTerminal(t *testing.T) {
	s := throughSSHD(t)
	ftp := s.localFTP(s.Gateway)
	term := s.atTerminal("check", "--user", ftp.User, "gateway")
	term.answer("Password of FTP user bob at localhost:21: ", ftp.Password+"\n")
	term.answer("Start with: ftptunnel gateway", "")
	assert.NoError(t, term.cmd.Wait())
	_, after, _ := strings.Cut(term.shown(), "Password of FTP user")
	before, _, _ := strings.Cut(after, "login ")
	assert.NotContains(t, before, ": "+ftp.Password, "it is not shown")
}

func TestCheckListsInEveryModeOfEveryServer(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		ftp.WriteFile(s.t, "a-file", "data")
		r := s.check(ftp.Password, "--user", ftp.User, "gateway")
		assert.Zero(s.t, r.status)
		for _, mode := range openers {
			assert.Equal(s.t, "ok", r.verdict(s.t, mode), r.line(s.t, mode))
			assert.Regexp(s.t, listed, r.line(s.t, mode))
		}
	})
}

func TestCheckEndsWithSSHConnection(t *testing.T) {
	s := throughSSHD(t)
	silent, err := s.Gateway.Listen(t.Context(), "tcp", "127.0.0.1:21")
	require.NoError(t, err)
	defer silent.Close()
	p := s.background(binary(t), "check", "gateway")
	p.Stdout.Await(t, "GatewayPorts ") // the next step is to wait for a greeting
	assert.Positive(t, s.ssh.KillSessions(t))
	var exit *exec.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, p.Stdout.String(), "Nothing works yet: greeting: ")
	assert.NotContains(t, p.Stdout.String(), "no answer for", "it does not wait for the timeout")
	assert.Equal(t, 1, strings.Count(p.Stdout.String(), "authentication "))
	assert.Equal(t, 1, strings.Count(s.ssh.Log.String(), "Accepted publickey"), "it does not connect again")
}

func TestCheckTakesUserAndPasswordFromEnvironmentAndFile(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.localFTP(s.Gateway)
	s.Client.WriteFile(t, lab.Home+"/password", ftp.Password+"\n")
	check := func(env []string, args ...string) result {
		return s.run("env", append(append(env, binary(t), "check"), args...)...)
	}
	r := check([]string{"FTP_USER=" + ftp.User, "FTP_PASSWORD=" + ftp.Password}, "gateway")
	assert.Zero(t, r.status, r.stdout)
	assert.Contains(t, r.line(t, "login"), "ok")
	r = check([]string{"FTP_PASSWORD=wrong"}, "--password-file="+lab.Home+"/password", "--user="+ftp.User, "gateway")
	assert.Zero(t, r.status, r.stdout)
	assert.NotContains(t, r.stdout+r.stderr, ftp.Password)
	assert.NotContains(t, r.stdout, "password-file", "the tunnel has no use for it")
	s.Client.Run(t, "chmod", "644", lab.Home+"/password")
	r = check(nil, "--password-file="+lab.Home+"/password", "--user="+ftp.User, "gateway")
	assert.Equal(t, 2, r.status)
	assert.Equal(t, "error: --password-file: others may read "+lab.Home+"/password\nhint: chmod 600 "+lab.Home+"/password\n", r.stderr)
}
