package tunnel

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
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

// Package ssh has defaults of its own, such as diffie-hellman-group14-sha1.
func TestAlgorithmsWithoutConfigurationAreThoseOfOpenSSH(t *testing.T) {
	checkLeaks(t)
	offered := make(chan []byte, 1)
	s := startMessages(t, func(c *sshtest.MessageConn) {
		offered <- c.KexInit
		c.Login()
	})
	tun, err := openFast(testContext(t), insecureConfig(messageHop(s)))
	if err == nil {
		require.NoError(t, tun.Close())
	}
	var m struct {
		Cookie                             [16]byte `sshtype:"20"`
		Kex, HostKey                       []string
		CipherOut, CipherIn, MACOut, MACIn []string
		Rest                               []byte `ssh:"rest"`
	}
	require.NoError(t, ssh.Unmarshal(<-offered, &m))
	assert.Equal(t, []string{
		"mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org",
		"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
		"diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group14-sha256",
		"ext-info-c", "kex-strict-c-v00@openssh.com",
	}, m.Kex)
	ciphers := []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"}
	assert.Equal(t, [][]string{ciphers, ciphers}, [][]string{m.CipherOut, m.CipherIn})
	macs := []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"}
	assert.Equal(t, [][]string{macs, macs}, [][]string{m.MACOut, m.MACIn})
	assert.Equal(t, []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256"}, m.HostKey)
}

func TestKeysWithoutConfigurationSignAsInOpenSSH(t *testing.T) {
	safe, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	for _, name := range old.PublicKeyAuths {
		assert.NotContains(t, defaultPubkeyAlgorithms, name)
	}
	for _, name := range safe.PublicKeyAuths {
		if !strings.Contains(name, "mldsa") { // OpenSSH 10 has none
			assert.Contains(t, defaultPubkeyAlgorithms, name)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	limited, ok := Hop{}.limitSigner(signer).(ssh.MultiAlgorithmSigner)
	require.True(t, ok)
	assert.Equal(t, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}, limited.Algorithms())
}
