package knownhosts

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

// makeKRL returns the path of a key revocation list that ssh-keygen makes from
// texts, each a KRL specification or a public key. authority, if not nil, is the
// signer of the certificates that they revoke.
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

// writeKeys writes each key to a file of its own, which it returns by name.
func writeKeys(t *testing.T, keys map[string]ssh.PublicKey) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, key := range keys {
		files[name] = writeFile(t, keyText(key)+"\n")
	}
	return files
}

// queryKRL returns, by name, whether list revokes the key of each of keyFiles,
// according to ssh-keygen. ok is false if ssh-keygen cannot read list.
func queryKRL(t *testing.T, list string, keyFiles map[string]string) (revoked map[string]bool, ok bool) {
	t.Helper()
	keygen := lab.Program(t, "ssh-keygen")[0]
	args := append([]string{"-Q", "-f", list}, slices.Collect(maps.Values(keyFiles))...)
	output, err := exec.Command(keygen, args...).CombinedOutput()
	revoked = map[string]bool{}
	for name, file := range keyFiles {
		result := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(file) + `.*: (ok|REVOKED)$`).FindSubmatch(output)
		if result == nil {
			require.Error(t, err, "%s: %s", name, output)
			return nil, false
		}
		revoked[name] = string(result[1]) == "REVOKED"
	}
	return revoked, true
}

func TestRevokedFilesAgreeWithSSHKeygen(t *testing.T) {
	t.Parallel()
	ca, otherCA := newSigner(t, ssh.KeyAlgoED25519), newSigner(t, ssh.KeyAlgoED25519)
	keys := map[string]ssh.PublicKey{
		"a":   newSigner(t, ssh.KeyAlgoED25519).PublicKey(),
		"b":   newSigner(t, ssh.KeyAlgoED25519).PublicKey(),
		"rsa": newSigner(t, ssh.KeyAlgoRSA).PublicKey(),
		"ca":  ca.PublicKey(),
	}
	for _, serial := range []uint64{0, 1, 2, 7, 64, 65, 1000, 1 << 40} {
		for name, signer := range map[string]ssh.Signer{"ca": ca, "other": otherCA} {
			keys[fmt.Sprintf("%s/%d", name, serial)] = certify(t, newSigner(t, ssh.KeyAlgoED25519).PublicKey(), signer, func(c *ssh.Certificate) {
				c.Serial, c.KeyId = serial, fmt.Sprintf("id %d", serial)
			})
		}
	}
	keys["a/certified"] = certify(t, keys["a"], otherCA, func(c *ssh.Certificate) { c.KeyId = "nobody" })
	keyFiles := writeKeys(t, keys)

	for name, list := range map[string]string{
		"empty":            makeKRL(t, nil),
		"keys":             makeKRL(t, nil, keyText(keys["a"]), keyText(keys["rsa"])),
		"authority":        makeKRL(t, nil, keyText(keys["ca"])),
		"certificate":      makeKRL(t, nil, keyText(keys["ca/7"])),
		"SHA1":             makeKRL(t, nil, "sha1: "+keyText(keys["a"])),
		"SHA256":           makeKRL(t, nil, "sha256: "+keyText(keys["a"])+"\nsha256: "+keyText(keys["rsa"])),
		"hash":             makeKRL(t, nil, "hash: "+ssh.FingerprintSHA256(keys["b"])),
		"serial":           makeKRL(t, ca.PublicKey(), "serial: 1"),
		"serials":          makeKRL(t, ca.PublicKey(), "serial: 1\nserial: 1000\nserial: 1099511627776"),
		"range":            makeKRL(t, ca.PublicKey(), "serial: 2-64"),
		"large range":      makeKRL(t, ca.PublicKey(), "serial: 2-100000000000000"),
		"bitmap":           makeKRL(t, ca.PublicKey(), "serial: 1\nserial: 3\nserial: 5\nserial: 7\nserial: 9\nserial: 64\nserial: 66"),
		"key IDs":          makeKRL(t, ca.PublicKey(), "id: id 7\nid: id 0"),
		"several sections": makeKRL(t, ca.PublicKey(), "serial: 1-6\nid: id 65\nkey: "+keyText(keys["b"])+"\nsha1: "+keyText(keys["rsa"])),
		"key, no signer":   makeKRL(t, nil, "key: "+keyText(keys["b"])),
	} {
		revoked, ok := queryKRL(t, list, keyFiles)
		require.True(t, ok, name)
		for which, key := range keys {
			err := (&Verifier{RevokedFiles: []string{list}}).checkRevoked(Host{Name: "host"}, key)
			assert.Equal(t, revoked[which], err != nil, "%s, %s", name, which)
			if err != nil {
				assert.Equal(t, Revoked, kindOf(t, err))
			}
		}
	}

	t.Run("malformed", func(t *testing.T) {
		zero, err := os.ReadFile(makeKRL(t, ca.PublicKey(), "serial: 1"))
		require.NoError(t, err)
		zero[len(zero)-1] = 0
		backwards, err := os.ReadFile(makeKRL(t, ca.PublicKey(), "serial: 1000-2000"))
		require.NoError(t, err)
		backwards[len(backwards)-2] = 0

		for name, content := range map[string][]byte{"serial zero": zero, "backward range": backwards} {
			list := writeFile(t, string(content))
			_, ok := queryKRL(t, list, keyFiles)
			assert.False(t, ok, name)
			for which, key := range keys {
				assert.Error(t, (&Verifier{RevokedFiles: []string{list}}).checkRevoked(Host{Name: "host"}, key), "%s, %s", name, which)
			}
		}
	})
	t.Run("plain text", func(t *testing.T) {
		list := writeFile(t, "# comment\n\n  "+keyText(keys["a"])+" somebody\n"+keyText(keys["rsa"]))
		_, ok := queryKRL(t, list, keyFiles)
		require.False(t, ok, "ssh reads plain text, ssh-keygen does not")
		for which, key := range keys {
			err := (&Verifier{RevokedFiles: []string{list}}).checkRevoked(Host{Name: "host"}, key)
			if which == "a" || which == "rsa" || which == "a/certified" {
				assert.Equal(t, Revoked, kindOf(t, err), which)
			} else {
				assert.NoError(t, err, which)
			}
		}
	})
}

func TestUnreadableRevokedFileRefusesEveryKey(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	whole, err := os.ReadFile(makeKRL(t, key, "serial: 1-6\nid: x\nsha1: "+keyText(key)))
	require.NoError(t, err)
	files := map[string]string{
		"missing":            filepath.Join(t.TempDir(), "missing"),
		"directory":          t.TempDir(),
		"malformed line":     writeFile(t, "nonsense\n"),
		"wrong type":         writeFile(t, "ssh-rsa"+keyText(key)[len("ssh-ed25519"):]+"\n"),
		"version":            writeFile(t, krlMagic+"\x00\x00\x00\x02"+string(whole[12:])),
		"unknown section":    writeFile(t, string(whole)+"\x09\x00\x00\x00\x00"),
		"signature":          writeFile(t, string(whole)+"\x04\x00\x00\x00\x00"),
		"critical extension": writeFile(t, string(whole)+"\xff\x00\x00\x00\x0a\x00\x00\x00\x01x\x01\x00\x00\x00\x00"),
		"section too large":  writeFile(t, string(whole)+"\x02\xff\xff\xff\xff"),
	}
	for name, file := range files {
		known := writeFile(t, "host "+keyText(newSigner(t, ssh.KeyAlgoED25519).PublicKey())+"\n")
		for _, policy := range []Policy{Strict, AcceptNew, Off} {
			v := Verifier{UserFiles: []string{known}, RevokedFiles: []string{file}, Policy: policy}
			err := v.Verify(Host{Name: "other"}, nil, newSigner(t, ssh.KeyAlgoED25519).PublicKey())
			assert.ErrorContains(t, err, "revoked keys file", name)
		}
	}
	t.Run("truncated", func(t *testing.T) {
		readable := 0
		for n := len(krlMagic); n < len(whole); n++ {
			if _, err := revokes(whole[:n], newSigner(t, ssh.KeyAlgoED25519).PublicKey()); err == nil {
				readable++ // the list ends after a section
			}
		}
		assert.LessOrEqual(t, readable, 2)
	})
	t.Run("extension that is not critical", func(t *testing.T) {
		text := string(whole) + "\xff\x00\x00\x00\x0a\x00\x00\x00\x01x\x00\x00\x00\x00\x00"
		_, err := revokes([]byte(text), newSigner(t, ssh.KeyAlgoED25519).PublicKey())
		assert.NoError(t, err)
	})
}

func TestAlgorithmsAndVerifyReturnErrorOfCommand(t *testing.T) {
	t.Parallel()
	broken := errors.New("exit status 3")
	v := Verifier{Policy: Off, UserFiles: []string{writeFile(t, "")}, Command: func(string, string, ssh.PublicKey) ([]byte, error) { return nil, broken }}
	_, err := v.Algorithms(Host{Name: "host"}, nil)
	assert.ErrorIs(t, err, broken)
	assert.ErrorIs(t, v.Verify(Host{Name: "host"}, nil, newSigner(t, ssh.KeyAlgoED25519).PublicKey()), broken)
}
