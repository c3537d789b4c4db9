package knownhosts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

// makeKRL has ssh-keygen make a key revocation list of a specification or of
// public keys, by authority if that is not nil.
func makeKRL(t testing.TB, authority ssh.PublicKey, texts ...string) string {
	t.Helper()
	keygen := lab.Program(t, "ssh-keygen")[0]
	list := filepath.Join(t.TempDir(), "krl")
	args := []string{"-k", "-f", list}
	if authority != nil {
		args = append(args, "-s", writeFile(t, keyText(authority)+"\n"))
	}
	for _, text := range texts {
		args = append(args, writeFile(t, text+"\n"))
	}
	output, err := exec.Command(keygen, args...).CombinedOutput()
	require.NoError(t, err, string(output))
	return list
}

func TestRevokedKeysAreThoseThatSSHKeygenSays(t *testing.T) {
	t.Parallel()
	keygen := lab.Program(t, "ssh-keygen")[0]
	ca, otherCA := newSigner(t, ssh.KeyAlgoED25519), newSigner(t, ssh.KeyAlgoED25519)
	keys := map[string]ssh.PublicKey{}
	for _, name := range []string{"a", "b"} {
		keys[name] = newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	}
	keys["rsa"] = newSigner(t, ssh.KeyAlgoRSA).PublicKey()
	keys["ca"] = ca.PublicKey()
	for _, serial := range []uint64{0, 1, 2, 7, 64, 65, 1000, 1 << 40} {
		for name, signer := range map[string]ssh.Signer{"ca": ca, "other": otherCA} {
			keys[fmt.Sprintf("%s/%d", name, serial)] = certify(t, newSigner(t, ssh.KeyAlgoED25519).PublicKey(), signer, func(c *ssh.Certificate) {
				c.Serial, c.KeyId = serial, fmt.Sprintf("id %d", serial)
			})
		}
	}
	keys["a/certified"] = certify(t, keys["a"], otherCA, func(c *ssh.Certificate) { c.KeyId = "nobody" })

	// What ssh-keygen does not write: zero stands for certificates without a number.
	zero, err := os.ReadFile(makeKRL(t, ca.PublicKey(), "serial: 1"))
	require.NoError(t, err)
	zero[len(zero)-1] = 0
	backwards, err := os.ReadFile(makeKRL(t, ca.PublicKey(), "serial: 1000-2000"))
	require.NoError(t, err)
	backwards[len(backwards)-2] = 0

	for name, list := range map[string]string{
		"backwards":     writeFile(t, string(backwards)),
		"serial zero":   writeFile(t, string(zero)),
		"no key":        makeKRL(t, nil),
		"keys":          makeKRL(t, nil, keyText(keys["a"]), keyText(keys["rsa"])),
		"an authority":  makeKRL(t, nil, keyText(keys["ca"])),
		"a certificate": makeKRL(t, nil, keyText(keys["ca/7"])),
		"SHA1":          makeKRL(t, nil, "sha1: "+keyText(keys["a"])),
		"SHA256":        makeKRL(t, nil, "sha256: "+keyText(keys["a"])+"\nsha256: "+keyText(keys["rsa"])),
		"hash":          makeKRL(t, nil, "hash: "+ssh.FingerprintSHA256(keys["b"])),
		"a serial":      makeKRL(t, ca.PublicKey(), "serial: 1"),
		"serials":       makeKRL(t, ca.PublicKey(), "serial: 1\nserial: 1000\nserial: 1099511627776"),
		"a range":       makeKRL(t, ca.PublicKey(), "serial: 2-64"),
		"a large range": makeKRL(t, ca.PublicKey(), "serial: 2-100000000000000"),
		"a bitmap":      makeKRL(t, ca.PublicKey(), "serial: 1\nserial: 3\nserial: 5\nserial: 7\nserial: 9\nserial: 64\nserial: 66"),
		"identities":    makeKRL(t, ca.PublicKey(), "id: id 7\nid: id 0"),
		"everything":    makeKRL(t, ca.PublicKey(), "serial: 1-6\nid: id 65\nkey: "+keyText(keys["b"])+"\nsha1: "+keyText(keys["rsa"])),
		"by all":        makeKRL(t, nil, "key: "+keyText(keys["b"])),
		"plain text":    writeFile(t, "# comment\n\n  "+keyText(keys["a"])+" somebody\n"+keyText(keys["rsa"])),
	} {
		for which, key := range keys {
			public := writeFile(t, keyText(key)+"\n")
			output, err := exec.Command(keygen, "-Q", "-f", list, public).CombinedOutput()
			if name == "plain text" { // which it does not take
				content := string(output)
				require.Error(t, err, content)
				err = nil
				if which == "a" || which == "rsa" || which == "a/certified" {
					err = errors.New("revoked")
				}
			}
			got := (&Verifier{RevokedFiles: []string{list}}).checkRevoked(Host{Name: "host"}, key)
			assert.Equal(t, err != nil, got != nil, "%s, %s: %s", name, which, output)
			if got != nil && name != "serial zero" && name != "backwards" { // which are malformed
				assert.Equal(t, Revoked, kindOf(t, got))
			}
		}
	}
}

func TestRevocationFileThatCannotBeReadRefusesEveryKey(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	whole, err := os.ReadFile(makeKRL(t, key, "serial: 1-6\nid: x\nsha1: "+keyText(key)))
	require.NoError(t, err)
	files := map[string]string{
		"missing":           filepath.Join(t.TempDir(), "missing"),
		"folder":            t.TempDir(),
		"line":              writeFile(t, "nonsense\n"),
		"wrong type":        writeFile(t, "ssh-rsa"+keyText(key)[len("ssh-ed25519"):]+"\n"),
		"version":           writeFile(t, krlMagic+"\x00\x00\x00\x02"+string(whole[12:])),
		"unknown section":   writeFile(t, string(whole)+"\x09\x00\x00\x00\x00"),
		"signature":         writeFile(t, string(whole)+"\x04\x00\x00\x00\x00"),
		"critical":          writeFile(t, string(whole)+"\xff\x00\x00\x00\x0a\x00\x00\x00\x01x\x01\x00\x00\x00\x00"),
		"section too large": writeFile(t, string(whole)+"\x02\xff\xff\xff\xff"),
	}
	for name, file := range files {
		known := writeFile(t, "host "+keyText(newSigner(t, ssh.KeyAlgoED25519).PublicKey())+"\n")
		for _, policy := range []Policy{Strict, AcceptNew, Off} {
			v := Verifier{UserFiles: []string{known}, RevokedFiles: []string{file}, Policy: policy}
			err := v.Verify(Host{Name: "other"}, nil, newSigner(t, ssh.KeyAlgoED25519).PublicKey())
			assert.ErrorContains(t, err, "revoked keys file", name)
		}
	}
	t.Run("cut short", func(t *testing.T) {
		sections := 0
		for n := len(krlMagic); n < len(whole); n++ {
			if _, err := revokes(whole[:n], newSigner(t, ssh.KeyAlgoED25519).PublicKey()); err == nil {
				sections++ // the cut is between two
			}
		}
		assert.LessOrEqual(t, sections, 2)
	})
	t.Run("extension that may be skipped", func(t *testing.T) {
		text := string(whole) + "\xff\x00\x00\x00\x0a\x00\x00\x00\x01x\x00\x00\x00\x00\x00"
		_, err := revokes([]byte(text), newSigner(t, ssh.KeyAlgoED25519).PublicKey())
		assert.NoError(t, err)
	})
}

func TestCommandFailureEndsAlgorithmsAndVerify(t *testing.T) {
	t.Parallel()
	broken := errors.New("exit status 3")
	v := Verifier{Policy: Off, UserFiles: []string{writeFile(t, "")}, Command: func(string, string, ssh.PublicKey) ([]byte, error) { return nil, broken }}
	_, err := v.Algorithms(Host{Name: "host"}, nil)
	assert.ErrorIs(t, err, broken)
	assert.ErrorIs(t, v.Verify(Host{Name: "host"}, nil, newSigner(t, ssh.KeyAlgoED25519).PublicKey()), broken)
}
