//go:build linux

package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

func TestJumpHostIsUsed(t *testing.T) {
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

	p := s.moveAll(ftp, everyMode, "far")
	require.NoError(t, p.Signal(os.Interrupt))
	require.NoError(t, p.Wait())

	p = s.start("-J", "jump", "gateway")
	transfer := s.slowly(ftp, false)
	assert.Positive(t, jump.KillSessions(t))
	assert.Error(t, transfer.Wait(), "the death of the jump host is no end of file")
	p.Stderr.Await(t, "connection lost")
	s.curl(here + "/pub/")
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

func TestJumpHostThatForbidsForwardingIsNamedInError(t *testing.T) {
	l := lab.NewWithJump(t)
	jump := lab.SSHD(t, l.Jump, lab.SSHDConfig{Extra: []string{"AllowTcpForwarding no"}})
	s := newSite(t, l, jump)
	r := s.run(binary(t), "-J", "jump", "gateway")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "error: dial root@gateway: the jump host root@jump forbids connections to gateway:22\n")
	assert.Contains(t, r.stderr, "hint: check AllowTcpForwarding, DisableForwarding and PermitOpen in the sshd_config of root@jump")
}

func TestProxyCommandIsUsed(t *testing.T) {
	lab.Require(t, "curl", "nc")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		s.Client.WriteFile(s.t, lab.Home+"/.ssh/config", "Host gw\n  HostName gateway\n  HostKeyAlias gateway\n  ProxyCommand nc -v %h %p\n")
		p := s.start("gw")
		s.move(passiveModes[0], ftp, 1_000_000)
		p.Stderr.Await(s.t, "succeeded!") // written by nc
		s.ssh.KillSessions(s.t)
		s.curl(here + "/pub/")
		require.NoError(s.t, p.Signal(os.Interrupt))
		require.NoError(s.t, p.Wait())
	})
}
