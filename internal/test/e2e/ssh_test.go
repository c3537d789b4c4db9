//go:build linux

package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

// authorized returns key as a line of authorized_keys.
func authorized(key ssh.PublicKey) string {
	return string(ssh.MarshalAuthorizedKey(key))
}

func TestAJumpHostIsUsed(t *testing.T) {
	lab.Require(t, "curl")
	l := lab.NewWithJump(t)
	jump := lab.Dropbear(t, l.Jump, lab.DropbearConfig{})
	gateway := lab.SSHD(t, l.Gateway, lab.SSHDConfig{})
	s := newSite(t, l, gateway)
	jump.AuthorizeKey(t, l.Client.NewKey(t))
	l.Client.Run(t, "cp", lab.Home+"/.ssh/id_ed25519", lab.Home+"/.ssh/jump")
	gateway.AuthorizeKey(t, l.Client.NewKey(t)) // another key for each
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", jump.KnownHosts()+gateway.KnownHosts())
	l.Client.WriteFile(t, lab.Home+"/.ssh/config", "Host far\n  HostName gateway\n  ProxyJump root@jump\nHost jump\n  IdentityFile ~/.ssh/jump\n")
	ftp := s.vsftpd(l.Gateway)

	p := s.start("far")
	for _, m := range append(append([]mode{}, passiveModes...), activeModes...) {
		s.move(m, ftp, 1_000_000)
	}
	require.NoError(t, p.Signal(os.Interrupt))
	require.NoError(t, p.Wait())

	p = s.start("-J", "jump", "gateway")
	transfer := s.slowly(ftp, false)
	assert.Positive(t, jump.KillSessions(t))
	assert.Error(t, transfer.Wait(), "the jump host's death is no end of file")
	p.Stderr.Await(t, "connection lost")
	s.succeeds("curl", "-sS", here+"/pub/")
}

func TestTwoJumpHostsHaveUsersAndKeysOfTheirOwn(t *testing.T) {
	l := lab.NewWithJump(t)
	jump := lab.Dropbear(t, l.Jump, lab.DropbearConfig{})
	middle := lab.SSHD(t, l.Gateway, lab.SSHDConfig{})
	far := lab.SSHD(t, l.Inner, lab.SSHDConfig{})
	s := newSite(t, l, middle)
	ftp := s.vsftpd(l.Inner)
	key := func(name string) ssh.PublicKey {
		public := l.Client.NewKey(t)
		l.Client.Run(t, "mv", lab.Home+"/.ssh/id_ed25519", lab.Home+"/.ssh/"+name)
		l.Client.Run(t, "rm", lab.Home+"/.ssh/id_ed25519.pub")
		return public
	}
	jump.AuthorizeKey(t, key("first"))
	l.Gateway.WriteFile(t, lab.UserHome+"/.ssh/authorized_keys", authorized(key("second")))
	l.Gateway.Run(t, "chmod", "-R", "a+rX", lab.UserHome)
	far.AuthorizeKey(t, key("third"))
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", jump.KnownHosts()+middle.KnownHosts()+far.KnownHosts())
	l.Client.WriteFile(t, lab.Home+"/.ssh/config", `
Host far
  HostName 10.78.0.2
  ProxyJump jump,middle
  IdentityFile ~/.ssh/third
Host jump
  IdentityFile ~/.ssh/first
Host middle
  HostName gateway
  User bob
  IdentityFile ~/.ssh/second
`)
	s.start("far")
	s.move(passiveModes[0], ftp, 1_000_000)
	s.move(activeModes[0], ftp, 1_000_000)
}

func TestAJumpHostThatForbidsForwardingIsNamed(t *testing.T) {
	l := lab.NewWithJump(t)
	jump := lab.SSHD(t, l.Jump, lab.SSHDConfig{Extra: []string{"AllowTcpForwarding no"}})
	s := newSite(t, l, jump)
	r := s.run(binary(t), "-J", "jump", "gateway")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "error: dial root@gateway: the jump host root@jump forbids connections to gateway:22\n")
	assert.Contains(t, r.stderr, "hint: in the sshd_config of root@jump see AllowTcpForwarding")
}

func TestAHostCertificateIsTrustedByItsAuthority(t *testing.T) {
	lab.Require(t, "ssh-keygen")
	l := lab.New(t)
	for _, name := range []string{"ca", "certified"} {
		l.Gateway.Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/"+name)
	}
	l.Gateway.Run(t, "ssh-keygen", "-q", "-s", "/etc/ssh/ca", "-I", "test", "-h", "-n", "gateway", "/etc/ssh/certified.pub")
	ca, err := os.ReadFile(l.Gateway.Path("/etc/ssh/ca.pub"))
	require.NoError(t, err)
	gateway := lab.SSHD(t, l.Gateway, lab.SSHDConfig{
		Keys:  []string{"rsa"},
		Extra: []string{"HostKey /etc/ssh/certified", "HostCertificate /etc/ssh/certified-cert.pub"},
	})
	s := newSite(t, l, gateway)
	gateway.AuthorizeKey(t, l.Client.NewKey(t))
	s.vsftpd(l.Gateway)
	trust := func(lines string) { l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", lines) }

	trust("@cert-authority gate* " + string(ca))
	p := s.start("-o", "StrictHostKeyChecking=yes", "gateway")
	p.Stderr.Await(t, "ssh-ed25519-cert-v01@openssh.com")
	require.NoError(t, p.Signal(os.Interrupt))
	require.NoError(t, p.Wait())

	// Of another host, the same authority says nothing.
	trust("@cert-authority other " + string(ca))
	r := s.run(binary(t), "-o", "StrictHostKeyChecking=yes", "gateway")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "No ED25519 host key is known for gateway and you have requested strict checking.")

	// And a key that is known needs no authority.
	trust(gateway.KnownHosts())
	s.start("-o", "StrictHostKeyChecking=yes", "gateway")
}

func TestAProxyCommandIsUsed(t *testing.T) {
	lab.Require(t, "curl", "nc")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		s.Client.WriteFile(s.t, lab.Home+"/.ssh/config", "Host gw\n  HostName gateway\n  HostKeyAlias gateway\n  ProxyCommand nc -v %h %p\n")
		p := s.start("gw")
		s.move(passiveModes[0], ftp, 1_000_000)
		p.Stderr.Await(s.t, "succeeded!") // the command's own words
		s.ssh.KillSessions(s.t)
		s.succeeds("curl", "-sS", here+"/pub/")
		require.NoError(s.t, p.Signal(os.Interrupt))
		require.NoError(s.t, p.Wait())
	})
}

func TestAnAgentsSeventhKeyIsFoundByItsFile(t *testing.T) {
	lab.Require(t, "ssh-agent", "ssh-add", "ssh-keygen")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	socket := s.agent()
	for range 6 {
		s.Client.Run(t, "rm", "-f", lab.Home+"/spare", lab.Home+"/spare.pub")
		s.Client.Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab.Home+"/spare")
		s.add(socket, lab.Home+"/spare")
	}
	s.add(socket, lab.Home+"/.ssh/id_ed25519")
	s.Client.Run(t, "mv", lab.Home+"/.ssh/id_ed25519.pub", lab.Home+"/right.pub")
	s.Client.Run(t, "rm", lab.Home+"/.ssh/id_ed25519")

	// sshd lets nobody try more than six; ssh fails in the same way.
	failed := s.run(binary(t), "-o", "IdentityAgent="+socket, "gateway")
	assert.Equal(t, 1, failed.status)
	assert.Contains(t, failed.stderr, "Too many authentication failures")
	assert.NotZero(t, s.run("ssh", "-o", "BatchMode=yes", "-o", "IdentityAgent="+socket, "gateway", "true").status)

	s.start("-o", "IdentityAgent="+socket, "-i", lab.Home+"/right.pub", "gateway")
}

func TestACertificateIsUsed(t *testing.T) {
	lab.Require(t, "curl", "ssh-keygen")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.Client.Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab.Home+"/ca")
	s.Client.Run(t, "ssh-keygen", "-q", "-s", lab.Home+"/ca", "-I", "test", "-n", "root", lab.Home+"/.ssh/id_ed25519.pub")
	ca, err := os.ReadFile(s.Client.Path(lab.Home + "/ca.pub"))
	require.NoError(t, err)
	s.Gateway.WriteFile(t, lab.Home+"/.ssh/authorized_keys", "cert-authority "+string(ca))
	s.start("gateway")
	s.succeeds("curl", "-sS", here)
}

func TestAKeyFileInAnotherFormatComesWithAdvice(t *testing.T) {
	lab.Require(t, "ssh-keygen", "openssl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.Client.Run(t, "openssl", "genpkey", "-quiet", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", lab.Home+"/pkcs8")
	p := s.start("-i", lab.Home+"/pkcs8", "-i", lab.Home+"/.ssh/id_ed25519", "gateway")
	p.Stderr.Await(t, "identity file "+lab.Home+"/pkcs8: ")
	p.Stderr.Await(t, "ssh-add "+lab.Home+"/pkcs8")
}

// A dialogue is a program at a terminal.
type dialogue struct {
	t   *testing.T
	tty *os.File
	cmd *exec.Cmd

	mu   sync.Mutex
	text strings.Builder
}

// atTerminal starts the program on the client with a terminal of its own.
func (s *site) atTerminal(args ...string) *dialogue {
	s.t.Helper()
	d := &dialogue{t: s.t, cmd: s.Client.Command(context.Background(), binary(s.t), args...)}
	// The terminal needs a session of its own, not just a process group.
	tty, err := pty.StartWithAttrs(d.cmd, nil, &syscall.SysProcAttr{Setsid: true, Setctty: true})
	require.NoError(s.t, err)
	d.tty = tty
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1024)
		for {
			n, err := tty.Read(buf)
			d.mu.Lock()
			d.text.Write(buf[:n])
			d.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		_ = tty.Close()
		<-done
		if s.t.Failed() {
			s.t.Logf("at the terminal: %s", d.shown())
		}
	})
	return d
}

func (d *dialogue) shown() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// answer waits for the terminal to show question, and types.
func (d *dialogue) answer(question, typed string) {
	d.t.Helper()
	require.Eventually(d.t, func() bool { return strings.Contains(d.shown(), question) }, 20*time.Second, 10*time.Millisecond, question)
	_, err := d.tty.WriteString(typed)
	require.NoError(d.t, err)
}

func TestAPassphraseIsTypedAtTheTerminal(t *testing.T) {
	lab.Require(t, "curl", "ssh-keygen")
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		s.Client.Run(s.t, "ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", lab.Home+"/.ssh/id_ed25519")
		d := s.atTerminal("gateway")
		d.answer("Enter passphrase for key '/root/.ssh/id_ed25519': ", "wrong\n")
		d.answer("\r\nEnter passphrase for key '/root/.ssh/id_ed25519': ", "open sesame\n")
		d.answer("ftp://127.0.0.1:2121", "")
		assert.NotContains(s.t, d.shown(), "sesame", "it is not shown")
		s.succeeds("curl", "-sS", here)

		// What was typed once serves for connecting again.
		s.ssh.KillSessions(s.t)
		s.succeeds("curl", "-sS", here)

		d.answer("", "\x03")
		assert.NoError(s.t, d.cmd.Wait())
	})
}

// As ssh does, for desktops and for programs that start this one.
func TestAPasswordIsAskedForByAskpass(t *testing.T) {
	l := lab.New(t)
	s := newSite(t, l, lab.Dropbear(t, l.Gateway, lab.DropbearConfig{Password: true}))
	s.vsftpd(l.Gateway)
	s.Client.Run(t, "rm", lab.Home+"/.ssh/id_ed25519")
	s.Client.WriteFile(t, lab.Home+"/askpass", "#!/bin/sh\necho \"$1\" >>"+lab.Home+"/asked\necho "+lab.Password+"\n")
	s.Client.Run(t, "chmod", "+x", lab.Home+"/askpass")
	p := s.Client.Command(context.Background(), binary(t), "gateway")
	p.Env = append(p.Env, "SSH_ASKPASS="+lab.Home+"/askpass", "SSH_ASKPASS_REQUIRE=force")
	s.Client.Start(t, p).Stdout.Await(t, "ftp://127.0.0.1:2121")
	asked, err := os.ReadFile(s.Client.Path(lab.Home + "/asked"))
	require.NoError(t, err)
	assert.Equal(t, "root@gateway's password: \n", string(asked))
}

func TestAnUnknownHostKeyIsAskedAboutAtTheTerminal(t *testing.T) {
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		s.Client.WriteFile(s.t, lab.Home+"/.ssh/known_hosts", "")
		d := s.atTerminal("gateway")
		d.answer("The authenticity of host 'gateway (10.77.0.2)' can't be established.", "")
		d.answer("Are you sure you want to continue connecting (yes/no/[fingerprint])? ", "yes\n")
		d.answer("ftp://127.0.0.1:2121", "\x03")
		assert.NoError(s.t, d.cmd.Wait())
		// Now ssh knows it too.
		s.succeeds("ssh", "-o", "BatchMode=yes", "gateway", "true")
	})
}

func TestAPasswordIsTypedAtTheTerminal(t *testing.T) {
	l := lab.New(t)
	s := newSite(t, l, lab.Dropbear(t, l.Gateway, lab.DropbearConfig{Password: true}))
	s.vsftpd(l.Gateway)
	s.Client.Run(t, "rm", lab.Home+"/.ssh/id_ed25519")
	d := s.atTerminal("gateway")
	d.answer("root@gateway's password: ", "wrong\n")
	d.answer("\r\nroot@gateway's password: ", lab.Password+"\n")
	d.answer("ftp://127.0.0.1:2121", "\x03")
	assert.NoError(t, d.cmd.Wait())

	d = s.atTerminal("gateway")
	d.answer("root@gateway's password: ", "\x03")
	assert.NoError(t, d.cmd.Wait(), "interrupted, on purpose")
}

// agent starts an agent on the client and returns its socket.
func (s *site) agent() string {
	s.t.Helper()
	const socket = lab.Home + "/agent"
	s.Client.Start(s.t, s.Client.Command(context.Background(), "ssh-agent", "-D", "-a", socket))
	eventually(s.t, "the agent listens", func() bool {
		_, err := os.Stat(s.Client.Path(socket))
		return err == nil
	})
	return socket
}

// add adds the key in a file to the agent.
func (s *site) add(socket, file string) {
	s.t.Helper()
	add := s.Client.Command(context.Background(), "ssh-add", file)
	add.Env = append(add.Env, "SSH_AUTH_SOCK="+socket)
	out, err := add.CombinedOutput()
	require.NoError(s.t, err, string(out))
}

func TestAnAgentIsUsed(t *testing.T) {
	lab.Require(t, "ssh-agent", "ssh-add")
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		socket := s.agent()
		s.add(socket, lab.Home+"/.ssh/id_ed25519")
		s.Client.Run(s.t, "rm", lab.Home+"/.ssh/id_ed25519", lab.Home+"/.ssh/id_ed25519.pub")
		s.start("-o", "IdentityAgent="+socket, "gateway")
	})
}
