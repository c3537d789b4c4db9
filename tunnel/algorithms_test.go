package tunnel

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"testing"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func rsaKey(t *testing.T, bits int) (*rsa.PrivateKey, ssh.Signer) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return key, signer
}

func TestConfiguredAlgorithmsAreNegotiated(t *testing.T) {
	s := &sshtest.Server{Configure: func(c *ssh.ServerConfig) {
		safe, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
		c.KeyExchanges = append(safe.KeyExchanges, old.KeyExchanges...)
		c.Ciphers = append(safe.Ciphers, old.Ciphers...)
	}}
	server, key := newServer(t, s)
	hop := hopTo(server, key)
	hop.Ciphers, hop.KexAlgorithms, hop.MACs = []string{"aes128-cbc"}, []string{"diffie-hellman-group1-sha1"}, []string{"hmac-sha1"}
	cfg := insecureConfig(hop)
	negotiated := ""
	cfg.Observe = func(e Event) {
		if e.Kind == Up {
			negotiated = e.Text
		}
	}
	mustOpen(t, cfg)
	assert.Contains(t, negotiated, "aes128-cbc")
	assert.Contains(t, negotiated, "diffie-hellman-group1-sha1")
}

func TestInsecureAlgorithmsAreUsedOnlyIfConfigured(t *testing.T) {
	s := &sshtest.Server{Configure: func(c *ssh.ServerConfig) { c.Ciphers = []string{"aes128-cbc"} }}
	server, key := newServer(t, s)
	_, err := openFast(testContext(t), insecureConfig(hopTo(server, key)))
	assert.ErrorContains(t, err, "no common algorithm")
}

func TestSignaturesFollowPubkeyAcceptedAlgorithms(t *testing.T) {
	private, signer := rsaKey(t, 2048)
	path := writeKey(t, private, "")
	for _, test := range []struct {
		accepted []string
		want     string // empty if the key is not offered
	}{
		{nil, ssh.KeyAlgoRSASHA512},
		{[]string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}, ssh.KeyAlgoRSASHA256},
		{[]string{ssh.KeyAlgoRSA}, ssh.KeyAlgoRSA},
		{[]string{ssh.KeyAlgoED25519}, ""},
		{[]string{ssh.CertAlgoRSASHA512v01}, ""},
	} {
		var mu sync.Mutex
		var used []string
		server := startServer(t, &sshtest.Server{Keys: []ssh.PublicKey{signer.PublicKey()}, Configure: func(c *ssh.ServerConfig) {
			c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoED25519}
			c.VerifiedPublicKeyCallback = func(_ ssh.ConnMetadata, _ ssh.PublicKey, p *ssh.Permissions, algorithm string) (*ssh.Permissions, error) {
				mu.Lock()
				defer mu.Unlock()
				used = append(used, algorithm)
				return p, nil
			}
		}})
		hop := hopTo(server, path)
		hop.PubkeyAcceptedAlgorithms = test.accepted
		tun, err := openFast(testContext(t), insecureConfig(hop))
		if test.want == "" {
			var denied *AuthError
			require.ErrorAs(t, err, &denied)
			assert.Empty(t, denied.Tried)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, tun.Close())
		mu.Lock()
		assert.Equal(t, []string{test.want}, used)
		mu.Unlock()
	}
}

func TestSmallRSAKeysAreRejected(t *testing.T) {
	private, signer := rsaKey(t, 2048)
	t.Run("host", func(t *testing.T) {
		server, key := newServer(t, &sshtest.Server{Configure: func(c *ssh.ServerConfig) { c.AddHostKey(signer) }})
		hop := hopTo(server, key)
		hop.HostKeyAlgorithms, hop.RequiredRSASize = []string{ssh.KeyAlgoRSASHA512}, 2049
		_, err := openFast(testContext(t), insecureConfig(hop))
		assert.ErrorContains(t, err, "2048 bits")
		hop.RequiredRSASize = 2048
		mustOpen(t, insecureConfig(hop))
	})
	t.Run("user", func(t *testing.T) {
		server := startServer(t, &sshtest.Server{Keys: []ssh.PublicKey{signer.PublicKey()}})
		hop := hopTo(server, writeKey(t, private, ""))
		hop.RequiredRSASize = 2049
		_, err := openFast(testContext(t), insecureConfig(hop))
		assert.ErrorAs(t, err, new(*AuthError))
		hop.RequiredRSASize = 2048
		mustOpen(t, insecureConfig(hop))
	})
}
