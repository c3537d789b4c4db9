package knownhosts

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// FuzzRevoked checks that a malformed revocation file is an error for every key,
// and the same error for each.
func FuzzRevoked(f *testing.F) {
	ca := newSigner(f, ssh.KeyAlgoED25519)
	key := newSigner(f, ssh.KeyAlgoED25519).PublicKey()
	cert := certify(f, newSigner(f, ssh.KeyAlgoED25519).PublicKey(), ca, func(c *ssh.Certificate) { c.Serial, c.KeyId = 7, "id" })
	f.Add([]byte(keyText(key) + "\n# comment\n"))
	for _, spec := range []string{"serial: 1-9\nserial: 1000\nid: id", "serial: 3\nserial: 5\nserial: 7", "key: " + keyText(key), "sha1: " + keyText(key), "sha256: " + keyText(key)} {
		if list, err := os.ReadFile(makeKRL(f, ca.PublicKey(), spec)); err == nil {
			f.Add(list)
		}
	}
	f.Add([]byte(krlMagic + "\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, wantErr := revokes(content, key)
		for _, other := range []ssh.PublicKey{cert, cert.Key, ca.PublicKey()} {
			revoked, err := revokes(content, other)
			require.Equal(t, wantErr, err)
			assert.False(t, revoked && err != nil)
		}
	})
}
