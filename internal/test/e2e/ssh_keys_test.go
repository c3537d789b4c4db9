//go:build linux

package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

// authorized returns key as a line of authorized_keys.
func authorized(key ssh.PublicKey) string {
	return string(ssh.MarshalAuthorizedKey(key))
}

func TestHostCertificateIsTrustedIfItsAuthorityIsKnown(t *testing.T) {
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
	s.vsftpd(l.Gateway)
	trust := func(lines string) { l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", lines) }

	trust("@cert-authority gate* " + string(ca))
	p := s.start("-o", "StrictHostKeyChecking=yes", "gateway")
	p.Stderr.Await(t, "ssh-ed25519-cert-v01@openssh.com")
	require.NoError(t, p.Signal(os.Interrupt))
	require.NoError(t, p.Wait())

	// The same authority for another host.
	trust("@cert-authority other " + string(ca))
	r := s.run(binary(t), "-o", "StrictHostKeyChecking=yes", "gateway")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "No ED25519 host key is known for gateway and you have requested strict checking.")

	// A known key, without an authority.
	trust(gateway.KnownHosts())
	s.start("-o", "StrictHostKeyChecking=yes", "gateway")
}

func TestUserCertificateIsUsed(t *testing.T) {
	lab.Require(t, "curl", "ssh-keygen")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.Client.Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab.Home+"/ca")
	s.Client.Run(t, "ssh-keygen", "-q", "-s", lab.Home+"/ca", "-I", "test", "-n", "root", lab.Home+"/.ssh/id_ed25519.pub")
	ca, err := os.ReadFile(s.Client.Path(lab.Home + "/ca.pub"))
	require.NoError(t, err)
	s.Gateway.WriteFile(t, lab.Home+"/.ssh/authorized_keys", "cert-authority "+string(ca))
	s.start("gateway")
	s.curl(here)
}

func TestKeyFileInUnsupportedFormatIsWarnedOfWithHint(t *testing.T) {
	lab.Require(t, "ssh-keygen", "openssl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	s.Client.Run(t, "openssl", "genpkey", "-quiet", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", lab.Home+"/pkcs8")
	p := s.start("-i", lab.Home+"/pkcs8", "-i", lab.Home+"/.ssh/id_ed25519", "gateway")
	p.Stderr.Await(t, "identity file "+lab.Home+"/pkcs8: ")
	p.Stderr.Await(t, "ssh-add "+lab.Home+"/pkcs8")
}

// agent starts ssh-agent on the client's host and returns its socket.
func (s *site) agent() string {
	s.t.Helper()
	const socket = lab.Home + "/agent"
	s.background("ssh-agent", "-D", "-a", socket)
	eventually(s.t, "the agent's socket", func() bool {
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

func TestAgentIsUsed(t *testing.T) {
	lab.Require(t, "ssh-agent", "ssh-add")
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		socket := s.agent()
		s.add(socket, lab.Home+"/.ssh/id_ed25519")
		s.Client.Run(s.t, "rm", lab.Home+"/.ssh/id_ed25519", lab.Home+"/.ssh/id_ed25519.pub")
		s.start("-o", "IdentityAgent="+socket, "gateway")
	})
}

// sshd allows six attempts.
func TestSeventhKeyOfAgentIsChosenByItsFile(t *testing.T) {
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

	failed := s.run(binary(t), "-o", "IdentityAgent="+socket, "gateway")
	assert.Equal(t, 1, failed.status)
	assert.Contains(t, failed.stderr, "Too many authentication failures")
	assert.NotZero(t, s.run("ssh", "-o", "BatchMode=yes", "-o", "IdentityAgent="+socket, "gateway", "true").status, "ssh fails alike")

	s.start("-o", "IdentityAgent="+socket, "-i", lab.Home+"/right.pub", "gateway")
}

// As ssh does, for desktops and for programs that start this one.
func TestPasswordIsReadFromAskpass(t *testing.T) {
	l := lab.New(t)
	s := newSite(t, l, lab.Dropbear(t, l.Gateway, lab.DropbearConfig{Password: true}))
	s.vsftpd(l.Gateway)
	s.Client.Run(t, "rm", lab.Home+"/.ssh/id_ed25519")
	s.Client.WriteFile(t, lab.Home+"/askpass", "#!/bin/sh\necho \"$1\" >>"+lab.Home+"/asked\necho "+lab.Password+"\n")
	s.Client.Run(t, "chmod", "+x", lab.Home+"/askpass")
	p := s.Client.Command(context.Background(), binary(t), "gateway")
	p.Env = append(p.Env, "SSH_ASKPASS="+lab.Home+"/askpass", "SSH_ASKPASS_REQUIRE=force")
	s.Client.Start(t, p).Stdout.Await(t, here)
	asked, err := os.ReadFile(s.Client.Path(lab.Home + "/asked"))
	require.NoError(t, err)
	assert.Equal(t, "root@gateway's password: \n", string(asked))
}
