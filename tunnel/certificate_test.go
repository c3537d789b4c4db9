//go:build unix

package tunnel

import (
	"crypto/rand"
	"crypto/rsa"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"example.org/ftptunnel/internal/test/sshtest"
)

// An authority signs certificates.
type authority struct{ ssh.Signer }

func newAuthority(t *testing.T) authority {
	t.Helper()
	private, _ := newKey(t)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return authority{signer}
}

// certify returns a certificate for key.
func (a authority) certify(t *testing.T, key ssh.PublicKey, kind uint32, principals ...string) *ssh.Certificate {
	t.Helper()
	c := &ssh.Certificate{
		Key: key, CertType: kind, KeyId: "test", ValidPrincipals: principals,
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		Permissions: ssh.Permissions{Extensions: map[string]string{"permit-port-forwarding": ""}},
	}
	require.NoError(t, c.SignCert(rand.Reader, a))
	return c
}

// writePublic writes key to path in the format of ssh-keygen.
func writePublic(t *testing.T, path string, key ssh.PublicKey) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, ssh.MarshalAuthorizedKey(key), 0o644))
}

// startSSHD starts an sshd that accepts certificates of a, and no other keys.
func (a authority) startSSHD(t *testing.T, config ...string) Hop {
	t.Helper()
	file := t.TempDir() + "/ca.pub"
	writePublic(t, file, a.PublicKey())
	_, nobodys := newKey(t)
	return startSSHD(t, nobodys, append([]string{"TrustedUserCAKeys " + file}, config...)...)
}

func TestCertificateBesideIdentityFileIsOffered(t *testing.T) {
	checkLeaks(t)
	ca := newAuthority(t)
	h := ca.startSSHD(t)
	private, public := newKey(t)
	certificate := ca.certify(t, public, ssh.UserCert, h.User)
	for _, passphrase := range []string{"", "sesame"} {
		key := writeKey(t, private, passphrase)
		writePublic(t, key+"-cert.pub", certificate)
		h.IdentityFiles = []string{key}
		answers := &script{answers: []string{"sesame"}}
		cfg := insecureConfig(h)
		cfg.Ask = answers.ask
		checkEcho(t, mustDial(t, mustOpen(t, cfg), serve(t, echo)))
		if passphrase != "" {
			assert.Equal(t, []string{"Enter passphrase for key '" + key + "': "}, answers.questions)
		}
	}
}

// Nothing in a certificate is secret, whoever owns it.
func TestCertificateOfAnotherUserMayBeReadable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	checkLeaks(t)
	ca := newAuthority(t)
	h := ca.startSSHD(t)
	private, public := newKey(t)
	key := writeKey(t, private, "")
	certificate := key + "-cert.pub"
	writePublic(t, certificate, ca.certify(t, public, ssh.UserCert, h.User))
	for _, file := range []string{key, certificate} {
		require.NoError(t, os.Chmod(file, 0o444))
		require.NoError(t, os.Chown(file, 65534, -1))
	}
	h.IdentityFiles = []string{key}
	for _, configured := range [][]string{nil, {certificate}} {
		h.CertificateFiles = configured
		w := newRecorder()
		cfg := insecureConfig(h)
		cfg.Observe = w.observe
		mustOpen(t, cfg)
		assert.Empty(t, w.of(Warning))
	}
}

func TestConfiguredCertificateUsesKeyOfFileOrAgent(t *testing.T) {
	checkLeaks(t)
	ca := newAuthority(t)
	h := ca.startSSHD(t)
	private, public := newKey(t)
	path := t.TempDir() + "/elsewhere.pub"
	writePublic(t, path, ca.certify(t, public, ssh.UserCert, h.User))
	h.CertificateFiles = []string{path}
	h.IdentityFiles = []string{writeKey(t, private, "")}
	mustOpen(t, insecureConfig(h))

	h.IdentityFiles = nil
	h.IdentityAgent, _ = serveAgent(t, agent.AddedKey{PrivateKey: private})
	h.IdentitiesOnly = true
	mustOpen(t, insecureConfig(h))
}

func TestRSACertificateSignsWithSHA512(t *testing.T) {
	checkLeaks(t)
	ca := newAuthority(t)
	h := ca.startSSHD(t, "PubkeyAcceptedAlgorithms rsa-sha2-512-cert-v01@openssh.com")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	public, err := ssh.NewPublicKey(&private.PublicKey)
	require.NoError(t, err)
	key := writeKey(t, private, "")
	writePublic(t, key+"-cert.pub", ca.certify(t, public, ssh.UserCert, h.User))
	h.IdentityFiles = []string{key}
	mustOpen(t, insecureConfig(h))
}

func TestUnusableCertificateCausesWarning(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	ca := newAuthority(t)
	_, public := newKey(t)
	dir := t.TempDir()
	writePublic(t, dir+"/lonely", ca.certify(t, public, ssh.UserCert))
	writePublic(t, dir+"/host", ca.certify(t, public, ssh.HostCert))
	writePublic(t, dir+"/plain", public)
	require.NoError(t, os.WriteFile(dir+"/rubbish", []byte("rubbish\n"), 0o644))
	for name, want := range map[string]string{
		"lonely":  "its private key is neither in an identity file nor in the agent",
		"host":    "not a user certificate",
		"plain":   "not a user certificate",
		"rubbish": "certificate " + dir + "/rubbish: ",
		"missing": "no such file",
	} {
		t.Run(name, func(t *testing.T) {
			h := hopTo(s, key)
			h.CertificateFiles = []string{dir + "/" + name}
			w := newRecorder()
			cfg := insecureConfig(h)
			cfg.Observe = w.observe
			mustOpen(t, cfg)
			assert.Contains(t, w.warnings(), want)
		})
	}
}

func TestCertificatesAreOfferedInOpenSSHsOrder(t *testing.T) {
	checkLeaks(t)
	_, nobodys := newKey(t)
	s := &sshtest.Server{Keys: []ssh.PublicKey{nobodys}}
	seen := recordOffers(s)
	startServer(t, s)
	ca := newAuthority(t)
	inFile, filePublic := newKey(t)
	inAgent, agentPublic := newKey(t)
	file := writeKey(t, inFile, "")
	beside := ca.certify(t, filePublic, ssh.UserCert)
	writePublic(t, file+"-cert.pub", beside)
	configured := ca.certify(t, agentPublic, ssh.UserCert, "someone")
	h := hopTo(s, file)
	h.IdentityAgent, _ = serveAgent(t, agent.AddedKey{PrivateKey: inAgent})
	fingerprints := func(keys ...ssh.PublicKey) (all []string) {
		for _, k := range keys {
			all = append(all, ssh.FingerprintSHA256(k))
		}
		return all
	}
	failedHop(t, insecureConfig(h))
	assert.Equal(t, fingerprints(agentPublic, filePublic, beside), *seen)

	*seen = nil
	path := t.TempDir() + "/configured.pub"
	writePublic(t, path, configured)
	h.CertificateFiles = []string{path}
	failedHop(t, insecureConfig(h))
	assert.Equal(t, fingerprints(configured, agentPublic, filePublic), *seen)
}
