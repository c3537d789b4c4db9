package tunnel

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
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
	cfg := trusting(hop)
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

func TestOldAlgorithmsAreNotUsedUnlessListed(t *testing.T) {
	s := &sshtest.Server{Configure: func(c *ssh.ServerConfig) { c.Ciphers = []string{"aes128-cbc"} }}
	server, key := newServer(t, s)
	_, err := openImpatient(within(t), trusting(hopTo(server, key)))
	assert.ErrorContains(t, err, "no common algorithm")
}

func TestSignaturesAreMadeAsPubkeyAcceptedAlgorithmsSays(t *testing.T) {
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
		server := started(t, &sshtest.Server{Keys: []ssh.PublicKey{signer.PublicKey()}, Configure: func(c *ssh.ServerConfig) {
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
		tun, err := openImpatient(within(t), trusting(hop))
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

func TestSmallRSAKeysAreRefused(t *testing.T) {
	private, signer := rsaKey(t, 2048)
	t.Run("host", func(t *testing.T) {
		server, key := newServer(t, &sshtest.Server{Configure: func(c *ssh.ServerConfig) { c.AddHostKey(signer) }})
		hop := hopTo(server, key)
		hop.HostKeyAlgorithms, hop.RequiredRSASize = []string{ssh.KeyAlgoRSASHA512}, 2049
		_, err := openImpatient(within(t), trusting(hop))
		assert.ErrorContains(t, err, "2048 bits")
		hop.RequiredRSASize = 2048
		mustOpen(t, trusting(hop))
	})
	t.Run("user", func(t *testing.T) {
		server := started(t, &sshtest.Server{Keys: []ssh.PublicKey{signer.PublicKey()}})
		hop := hopTo(server, writeKey(t, private, ""))
		hop.RequiredRSASize = 2049
		_, err := openImpatient(within(t), trusting(hop))
		assert.ErrorAs(t, err, new(*AuthError))
		hop.RequiredRSASize = 2048
		mustOpen(t, trusting(hop))
	})
}

func TestConnectionIsMadeFromTheInterface(t *testing.T) {
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		server, key := newServer(t, &sshtest.Server{})
		hop := hopTo(server, key)
		hop.BindInterface = i.Name
		mustOpen(t, trusting(hop))
		return
	}
	t.Skip("no loopback interface")
}

func TestInterfaceWithoutAddressIsAnError(t *testing.T) {
	hop := Hop{Alias: "a", HostName: "127.0.0.1", Port: 1, BindInterface: "none such"}
	_, err := openImpatient(within(t), trusting(hop))
	assert.ErrorContains(t, err, "BindInterface none such")
}

func TestAddressOfAnInterfaceIsThatOfSSH(t *testing.T) {
	parse := func(texts ...string) []net.Addr {
		var all []net.Addr
		for _, text := range texts {
			ip, network, err := net.ParseCIDR(text)
			require.NoError(t, err)
			all = append(all, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return all
	}
	addresses := parse("127.0.0.1/8", "192.0.2.1/24", "192.0.2.2/24", "fe80::1/64", "::1/128", "2001:db8::1/64")
	assert.Equal(t, "192.0.2.1", addressOf(addresses, "tcp4").String())
	assert.Equal(t, "2001:db8::1", addressOf(addresses, "tcp6").String())
	assert.Equal(t, "fe80::1", addressOf(addresses[3:5], "tcp6").String())
	assert.False(t, addressOf(addresses[:3], "tcp6").IsValid())
}
