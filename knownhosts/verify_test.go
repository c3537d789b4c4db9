package knownhosts

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// newKey returns a new private key of the given type: a host key algorithm.
func newKey(t testing.TB, keyType string) any {
	t.Helper()
	var key any
	var err error
	switch keyType {
	case ssh.KeyAlgoED25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case ssh.KeyAlgoECDSA256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	require.NoError(t, err)
	return key
}

func newSigner(t testing.TB, keyType string) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(newKey(t, keyType))
	require.NoError(t, err)
	return signer
}

// keyText returns key as in a known_hosts line: type and base64.
func keyText(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func writeFile(t testing.TB, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// kindOf returns the Kind of err, which must be a HostKeyError.
func kindOf(t testing.TB, err error) Kind {
	t.Helper()
	var refused *HostKeyError
	require.ErrorAs(t, err, &refused)
	return refused.Kind
}

var remote = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 2222}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]Policy{
		"ask": Ask, "yes": Strict, "true": Strict, "accept-new": AcceptNew,
		"no": Off, "off": Off, "false": Off, "NO": Off,
	} {
		got, err := ParsePolicy(word)
		assert.NoError(t, err, word)
		assert.Equal(t, want, got, word)
	}
	for _, word := range []string{"", "maybe", "yes "} {
		got, err := ParsePolicy(word)
		assert.Error(t, err, word)
		assert.Equal(t, Strict, got, word)
	}
}

func TestHostLookupUsesAliasAndPortLikeSSH(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	tests := []struct {
		names string
		host  Host
		known bool
	}{
		{"host", Host{Name: "host"}, true},
		{"host", Host{Name: "HOST", Port: 22}, true},
		{"[host]:2222", Host{Name: "host", Port: 2222}, true},
		{"host", Host{Name: "host", Port: 2222}, true},
		{"[host]:2222", Host{Name: "host"}, false},
		{"[host]:22", Host{Name: "host"}, false},
		{"[host]:2223", Host{Name: "host", Port: 2222}, false},
		{"alias", Host{Name: "host", Port: 2222, Alias: "Alias"}, true},
		{"host", Host{Name: "host", Alias: "alias"}, false},
		{"[alias]:2222", Host{Name: "host", Port: 2222, Alias: "alias"}, false},
		{"[::1]:2222", Host{Name: "::1", Port: 2222}, true},
		{"::1", Host{Name: "::1"}, true},
		{"*,!host", Host{Name: "host"}, false},
	}
	for _, test := range tests {
		v := Verifier{UserFiles: []string{writeFile(t, test.names+" "+keyText(key))}, Policy: Strict}
		err := v.Verify(test.host, remote, key)
		if test.known {
			assert.NoError(t, err, "%s %+v", test.names, test.host)
		} else {
			assert.Equal(t, Unknown, kindOf(t, err), "%s %+v", test.names, test.host)
		}
	}
}

func TestMalformedLineIsSkippedWithWarning(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for name, line := range malformedLines(t) {
		file := writeFile(t, line+"\nhost "+keyText(key)+"\n")
		var warnings []string
		v := Verifier{UserFiles: []string{file}, Policy: Strict, Warn: func(s string) { warnings = append(warnings, s) }}
		assert.NoError(t, v.Verify(Host{Name: "host"}, remote, key), name)
		if assert.Len(t, warnings, 1, name) {
			assert.True(t, strings.HasPrefix(warnings[0], file+":1: "), warnings[0])
		}
	}
}

func TestUnreadableFileIsSkippedWithWarning(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	directory := t.TempDir()
	var warnings []string
	v := Verifier{
		UserFiles:   []string{filepath.Join(directory, "missing"), directory},
		GlobalFiles: []string{writeFile(t, "host "+keyText(key))},
		Policy:      Strict,
		Warn:        func(s string) { warnings = append(warnings, s) },
	}
	assert.NoError(t, v.Verify(Host{Name: "host"}, remote, key))
	assert.Len(t, warnings, 1)
}

func TestErrorReportsOffendingLine(t *testing.T) {
	t.Parallel()
	key, other := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoECDSA256).PublicKey()
	user := writeFile(t, "# nothing\n")
	global := writeFile(t, "other "+keyText(key)+"\n\nhost "+keyText(other)+"\n")
	v := Verifier{UserFiles: []string{user}, GlobalFiles: []string{global}, Policy: AcceptNew}
	var refused *HostKeyError

	require.ErrorAs(t, v.Verify(Host{Name: "host"}, remote, key), &refused)
	assert.Equal(t, Changed, refused.Kind, "a key of another type counts as another key")
	assert.Equal(t, global, refused.File)
	assert.Equal(t, 3, refused.Line)
	assert.True(t, sameKey(other, refused.Known))
	assert.True(t, sameKey(key, refused.Key))
	assert.NotContains(t, refused.Error(), "\n")
	assert.Contains(t, refused.Warning(), "Offending ECDSA key in "+global+":3\n")
	assert.Contains(t, refused.Warning(), "Add correct host key in "+user+" to get rid of this message.\n")

	require.NoError(t, os.WriteFile(user, []byte("host "+keyText(other)), 0o600))
	require.ErrorAs(t, v.Verify(Host{Name: "host"}, remote, key), &refused)
	assert.Equal(t, global, refused.File, "the last line is reported, and the user's files are read first")

	require.NoError(t, os.WriteFile(user, []byte("\n@revoked h* "+keyText(other)+"\n"), 0o600))
	require.ErrorAs(t, v.Verify(Host{Name: "host"}, remote, other), &refused)
	assert.Equal(t, Revoked, refused.Kind)
	assert.Equal(t, user, refused.File)
	assert.Equal(t, 2, refused.Line)
}

func TestOnlyOffToleratesChangedAndRevokedKeys(t *testing.T) {
	t.Parallel()
	key, other := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	content := map[Kind]string{Changed: "host " + keyText(other), Revoked: "@revoked * " + keyText(key)}
	for kind, content := range content {
		for _, policy := range []Policy{Ask, Strict, AcceptNew, Off} {
			file := writeFile(t, content)
			v := Verifier{UserFiles: []string{file}, Policy: policy, Ask: func(string) (string, error) { return "yes", nil }}
			var refused *HostKeyError
			require.ErrorAs(t, v.Verify(Host{Name: "host"}, remote, key), &refused)
			assert.Equal(t, kind, refused.Kind)
			assert.Equal(t, policy == Off, refused.Tolerated, "policy %d", policy)
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, content, string(after))
		}
	}
}

func TestKeyRevokedWithoutPortIsRevokedForEveryPort(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for _, policy := range []Policy{Ask, Strict, AcceptNew, Off} {
		v := Verifier{UserFiles: []string{writeFile(t, "@revoked host "+keyText(key))}, Policy: policy}
		assert.Equal(t, Revoked, kindOf(t, v.Verify(Host{Name: "host", Port: 2222}, remote, key)))
	}
}

func TestPolicyDecidesAboutUnknownKey(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for policy, added := range map[Policy]bool{Ask: false, Strict: false, AcceptNew: true, Off: true, Policy(9): false} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		v := Verifier{UserFiles: []string{file, filepath.Join(t.TempDir(), "second")}, Policy: policy}
		err := v.Verify(Host{Name: "host"}, remote, key)
		if !added {
			assert.Equal(t, Unknown, kindOf(t, err))
			var refused *HostKeyError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, policy == Ask, refused.Unasked)
			assert.Equal(t, policy == Ask, refused.Warning() == "", "strict checking was requested otherwise")
			assert.NoFileExists(t, file)
			continue
		}
		assert.NoError(t, err)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, "host "+keyText(key)+"\n", string(content))
	}
}

func TestUnknownKeyIsRefusedWithoutUserFiles(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for _, policy := range []Policy{Ask, Strict, AcceptNew, Off} {
		v := Verifier{Policy: policy, Ask: func(string) (string, error) { return "yes", nil }}
		assert.Equal(t, Unknown, kindOf(t, v.Verify(Host{Name: "host"}, remote, key)))
	}
	assert.Equal(t, Unknown, kindOf(t, new(Verifier).Verify(Host{}, nil, key)))
}

func algorithms(t testing.TB, v *Verifier, host Host, preferred []string) []string {
	t.Helper()
	list, err := v.Algorithms(host, preferred)
	require.NoError(t, err)
	return list
}

func TestAlgorithmsPutKnownTypesFirst(t *testing.T) {
	t.Parallel()
	edKey, rsaKey := keyText(newSigner(t, ssh.KeyAlgoED25519).PublicKey()), keyText(newSigner(t, ssh.KeyAlgoRSA).PublicKey())
	plain := []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256"}
	rsaFirst := []string{"rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
	certificates := []string{
		"ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384-cert-v01@openssh.com",
		"ecdsa-sha2-nistp521-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
	}
	tests := []struct {
		name, content   string
		preferred, want []string
	}{
		{"nothing known", "", nil, plain},
		{"ed25519", "host " + edKey, nil, plain},
		{"rsa", "host " + rsaKey, nil, rsaFirst},
		{"rsa of another host", "other " + rsaKey, nil, plain},
		{"rsa and ed25519", "host " + rsaKey + "\nhost " + edKey, nil, plain},
		{"revoked", "host " + edKey + "\nhost " + rsaKey + "\n@revoked * " + edKey, nil, rsaFirst},
		{"authority for another host", "@cert-authority other " + edKey, nil, plain},
		{"authority for every host", "@cert-authority * " + edKey, nil, append(certificates[:6:6], plain...)},
		{"authority for every other host", "@cert-authority *,!host " + edKey, nil, plain},
		{"authority and rsa", "@cert-authority * " + edKey + "\nhost " + rsaKey, nil, append(certificates[:6:6], rsaFirst...)},
		{"preferred", "host " + rsaKey, []string{"ecdsa-sha2-nistp256", "ssh-rsa", "ssh-ed25519"}, []string{"ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"}},
		{"preferred, not implemented", "", []string{"sk-ssh-ed25519@openssh.com", "ssh-ed25519"}, []string{"ssh-ed25519"}},
		{"preferred, certificates only", "", certificates, certificates},
	}
	for _, test := range tests {
		v := Verifier{UserFiles: []string{writeFile(t, test.content)}}
		assert.Equal(t, test.want, algorithms(t, &v, Host{Name: "host"}, test.preferred), test.name)
	}
}

func TestHostWithoutNameMatchesNoLine(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	v := Verifier{UserFiles: []string{writeFile(t, "* "+keyText(key))}, Policy: Strict}
	assert.Equal(t, Unknown, kindOf(t, v.Verify(Host{}, remote, key)))
}
