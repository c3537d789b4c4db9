package knownhosts

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// certify returns a certificate of key, by default a host certificate for "host",
// after edit, if not nil, has changed it and ca has signed it.
func certify(t testing.TB, key ssh.PublicKey, ca ssh.Signer, edit func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key, CertType: ssh.HostCert, ValidPrincipals: []string{"host"},
		ValidAfter: 0, ValidBefore: ssh.CertTimeInfinity,
	}
	if edit != nil {
		edit(cert)
	}
	require.NoError(t, cert.SignCert(rand.Reader, ca))
	return cert
}

func TestCertificateNeedsMatchingAuthorityAndValidity(t *testing.T) {
	t.Parallel()
	key, ca := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoECDSA256)
	host := Host{Name: "Host", Port: 2222}
	tests := []struct {
		name, names string
		edit        func(*ssh.Certificate)
		host        Host
		want        bool
	}{
		{"authority for every host", "*", nil, host, true},
		{"authority for the name with port", "[host]:2222", nil, host, true},
		{"authority for the name without port", "host", nil, host, true},
		{"authority for another host", "other", nil, host, false},
		{"alias is the principal", "*", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alias"} }, Host{Name: "host", Alias: "Alias"}, true},
		{"another principal", "*", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"other"} }, host, false},
		{"principal with port", "*", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"[host]:2222"} }, host, false},
		{"any principal", "*", func(c *ssh.Certificate) { c.ValidPrincipals = nil }, host, true},
		{"user certificate", "*", func(c *ssh.Certificate) { c.CertType = ssh.UserCert }, host, false},
		{"expired", "*", func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Unix()) - 1 }, host, false},
		{"not yet valid", "*", func(c *ssh.Certificate) { c.ValidAfter = uint64(time.Now().Unix()) + 3600 }, host, false},
		{"critical option", "*", func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "::/0"} }, host, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cert := certify(t, key, ca, test.edit)
			file := writeFile(t, "@cert-authority "+test.names+" "+keyText(ca.PublicKey())+"\n")
			v := Verifier{UserFiles: []string{file}, Policy: Strict}
			err := v.Verify(test.host, remote, cert)
			if test.want {
				assert.NoError(t, err)
				return
			}
			var refused *HostKeyError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, Unknown, refused.Kind)
			assert.True(t, sameKey(key, refused.Key), "the certified key is checked")

			require.NoError(t, appendLine(file, "host "+keyText(key)+"\n"))
			require.NoError(t, appendLine(file, "alias "+keyText(key)+"\n"))
			assert.NoError(t, v.Verify(test.host, remote, cert), "the certified key is known")
		})
	}
}

func TestCertificateSignedWithSHA1IsNotTrusted(t *testing.T) {
	t.Parallel()
	ca := newSigner(t, ssh.KeyAlgoRSA).(ssh.AlgorithmSigner)
	for algorithm, want := range map[string]bool{ssh.KeyAlgoRSA: false, ssh.KeyAlgoRSASHA256: true} {
		signer, err := ssh.NewSignerWithAlgorithms(ca, []string{algorithm})
		require.NoError(t, err)
		cert := certify(t, newSigner(t, ssh.KeyAlgoED25519).PublicKey(), signer, nil)
		v := Verifier{UserFiles: []string{writeFile(t, "@cert-authority * "+keyText(ca.PublicKey()))}, Policy: Strict}
		assert.Equal(t, want, v.Verify(Host{Name: "host"}, remote, cert) == nil, algorithm)
	}
}

func TestSignatureAlgorithmsRestrictCertificateSignatures(t *testing.T) {
	t.Parallel()
	ca := newSigner(t, ssh.KeyAlgoRSA)
	file := writeFile(t, "@cert-authority host "+keyText(ca.PublicKey())+"\n")
	for _, algorithm := range []string{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512} {
		signer, err := ssh.NewSignerWithAlgorithms(ca.(ssh.AlgorithmSigner), []string{algorithm})
		require.NoError(t, err)
		cert := certify(t, newSigner(t, ssh.KeyAlgoED25519).PublicKey(), signer, nil)
		for _, allowed := range []string{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoED25519} {
			v := Verifier{UserFiles: []string{file}, Policy: Strict, SignatureAlgorithms: []string{allowed}}
			err := v.Verify(Host{Name: "host"}, remote, cert)
			assert.Equal(t, allowed == algorithm, err == nil, "signed with %s, allowed %s: %v", algorithm, allowed, err)
		}
	}
}

func TestCertificateWithRevokedKeyOrSignerIsRevoked(t *testing.T) {
	t.Parallel()
	key, ca := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoED25519)
	cert := certify(t, key, ca, nil)
	for _, bad := range []ssh.PublicKey{key, ca.PublicKey()} {
		v := Verifier{UserFiles: []string{writeFile(t, "@cert-authority * "+keyText(ca.PublicKey())+
			"\nhost "+keyText(key)+"\n@revoked * "+keyText(bad))}}
		var refused *HostKeyError
		require.ErrorAs(t, v.Verify(Host{Name: "host"}, remote, cert), &refused)
		assert.Equal(t, Revoked, refused.Kind)
		assert.Contains(t, refused.Warning(), "The ED25519-CERT host key for host is marked as revoked.\n")
	}
}

func TestAlgorithmsIncludeCertificatesForAuthorityWithoutPort(t *testing.T) {
	t.Parallel()
	ca := keyText(newSigner(t, ssh.KeyAlgoED25519).PublicKey())
	v := Verifier{UserFiles: []string{writeFile(t, "@cert-authority host "+ca)}}
	assert.Equal(t, "ssh-ed25519-cert-v01@openssh.com", algorithms(t, &v, Host{Name: "host", Port: 2222}, nil)[0])
	assert.Equal(t, "ssh-ed25519", algorithms(t, &v, Host{Name: "host", Port: 2222, Alias: "alias"}, nil)[0])
}
