package knownhosts

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// newKey returns a new private key of the given type.
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

// certify returns key with a host certificate that edit may change before ca signs it.
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

// keyText returns key as it stands in a file.
func keyText(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func writeFile(t testing.TB, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// kindOf returns the kind of the HostKeyError that err is.
func kindOf(t testing.TB, err error) Kind {
	t.Helper()
	var refused *HostKeyError
	require.ErrorAs(t, err, &refused)
	return refused.Kind
}

var remote = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 2222}

func TestPolicyIsParsed(t *testing.T) {
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

func TestHostIsLookedUpAsInSSH(t *testing.T) {
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

func TestUnparsableLineIsSkippedNotFatal(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for name, line := range unparsable(t) {
		file := writeFile(t, line+"\nhost "+keyText(key)+"\n")
		var warnings []string
		v := Verifier{UserFiles: []string{file}, Policy: Strict, Warn: func(s string) { warnings = append(warnings, s) }}
		assert.NoError(t, v.Verify(Host{Name: "host"}, remote, key), name)
		if assert.Len(t, warnings, 1, name) {
			assert.True(t, strings.HasPrefix(warnings[0], file+":1: "), warnings[0])
		}
	}
}

func TestFileThatCannotBeReadIsSkippedWithWarning(t *testing.T) {
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

func TestOffendingEntryIsReported(t *testing.T) {
	t.Parallel()
	key, other := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoECDSA256).PublicKey()
	user := writeFile(t, "# nothing\n")
	global := writeFile(t, "other "+keyText(key)+"\n\nhost "+keyText(other)+"\n")
	v := Verifier{UserFiles: []string{user}, GlobalFiles: []string{global}, Policy: AcceptNew}
	var refused *HostKeyError

	require.ErrorAs(t, v.Verify(Host{Name: "host"}, remote, key), &refused)
	assert.Equal(t, Changed, refused.Kind, "another type of key is another key")
	assert.Equal(t, global, refused.File)
	assert.Equal(t, 3, refused.Line)
	assert.True(t, sameKey(other, refused.Known))
	assert.True(t, sameKey(key, refused.Key))
	assert.NotContains(t, refused.Error(), "\n")
	assert.Contains(t, refused.Warning(), "Offending ECDSA key in "+global+":3\n")
	assert.Contains(t, refused.Warning(), "Add correct host key in "+user+" to get rid of this message.\n")

	require.NoError(t, os.WriteFile(user, []byte("host "+keyText(other)), 0o600))
	require.ErrorAs(t, v.Verify(Host{Name: "host"}, remote, key), &refused)
	assert.Equal(t, global, refused.File, "the last one counts, and the user's files come first")

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

func TestKeyRevokedForBareHostIsRefusedOnEveryPort(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for _, policy := range []Policy{Ask, Strict, AcceptNew, Off} {
		v := Verifier{UserFiles: []string{writeFile(t, "@revoked host "+keyText(key))}, Policy: policy}
		assert.Equal(t, Revoked, kindOf(t, v.Verify(Host{Name: "host", Port: 2222}, remote, key)))
	}
}

func TestUnknownKeyIsHandledAsThePolicySays(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for policy, added := range map[Policy]bool{Ask: false, Strict: false, AcceptNew: true, Off: true, Policy(9): false} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		v := Verifier{UserFiles: []string{file, filepath.Join(t.TempDir(), "second")}, Policy: policy}
		err := v.Verify(Host{Name: "host"}, remote, key)
		if !added {
			assert.Equal(t, Unknown, kindOf(t, err))
			assert.NoFileExists(t, file)
			continue
		}
		assert.NoError(t, err)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, "host "+keyText(key)+"\n", string(content))
	}
}

func TestWithoutUserFilesNoNewKeyIsTrusted(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for _, policy := range []Policy{Ask, Strict, AcceptNew, Off} {
		v := Verifier{Policy: policy, Ask: func(string) (string, error) { return "yes", nil }}
		assert.Equal(t, Unknown, kindOf(t, v.Verify(Host{Name: "host"}, remote, key)))
	}
	assert.Equal(t, Unknown, kindOf(t, new(Verifier).Verify(Host{}, nil, key)))
}

func TestCertificateIsAcceptedOnlyIfItsAuthorityAndItselfAre(t *testing.T) {
	t.Parallel()
	key, ca := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoECDSA256)
	host := Host{Name: "Host", Port: 2222}
	tests := []struct {
		name, names string
		edit        func(*ssh.Certificate)
		host        Host
		want        bool
	}{
		{"authority for all", "*", nil, host, true},
		{"authority for the name with port", "[host]:2222", nil, host, true},
		{"authority for the bare name", "host", nil, host, true},
		{"authority for another host", "other", nil, host, false},
		{"alias is the principal", "*", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alias"} }, Host{Name: "host", Alias: "Alias"}, true},
		{"other principal", "*", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"other"} }, host, false},
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
			assert.True(t, sameKey(key, refused.Key), "the certified key was judged")

			require.NoError(t, appendLine(file, "host "+keyText(key)+"\n"))
			require.NoError(t, appendLine(file, "alias "+keyText(key)+"\n"))
			assert.NoError(t, v.Verify(test.host, remote, cert), "its key is known")
		})
	}
}

func TestCertificateSignedWithSHA1IsNotAccepted(t *testing.T) {
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

func TestSignatureAlgorithmsSayWhatCertificatesMayBeSignedWith(t *testing.T) {
	t.Parallel()
	ca := newSigner(t, ssh.KeyAlgoRSA)
	file := writeFile(t, "@cert-authority host "+keyText(ca.PublicKey())+"\n")
	for _, algorithm := range []string{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512} {
		signer, err := ssh.NewSignerWithAlgorithms(ca.(ssh.AlgorithmSigner), []string{algorithm})
		require.NoError(t, err)
		cert := certify(t, newSigner(t, ssh.KeyAlgoED25519).PublicKey(), signer, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"host"} })
		for _, accepted := range []string{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoED25519} {
			v := Verifier{UserFiles: []string{file}, Policy: Strict, SignatureAlgorithms: []string{accepted}}
			assert.Equal(t, accepted == algorithm, v.Verify(Host{Name: "host"}, remote, cert) == nil, "%s, %s", algorithm, accepted)
		}
	}
}

func TestRevocationReachesCertificates(t *testing.T) {
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
		{"the most preferred among several", "host " + rsaKey + "\nhost " + edKey, nil, plain},
		{"revoked", "host " + edKey + "\nhost " + rsaKey + "\n@revoked * " + edKey, nil, rsaFirst},
		{"authority of another host", "@cert-authority other " + edKey, nil, plain},
		{"authority", "@cert-authority * " + edKey, nil, append(certificates[:6:6], plain...)},
		{"authority of all others", "@cert-authority *,!host " + edKey, nil, plain},
		{"authority and rsa", "@cert-authority * " + edKey + "\nhost " + rsaKey, nil, append(certificates[:6:6], rsaFirst...)},
		{"preferred", "host " + rsaKey, []string{"ecdsa-sha2-nistp256", "ssh-rsa", "ssh-ed25519"}, []string{"ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"}},
		{"preferred without what is not implemented", "", []string{"sk-ssh-ed25519@openssh.com", "ssh-ed25519"}, []string{"ssh-ed25519"}},
		{"preferred certificates alone", "", certificates, certificates},
	}
	for _, test := range tests {
		v := Verifier{UserFiles: []string{writeFile(t, test.content)}}
		assert.Equal(t, test.want, algorithms(t, &v, Host{Name: "host"}, test.preferred), test.name)
	}
}

func TestAlgorithmsHaveCertificatesForAnAuthorityOfTheBareHost(t *testing.T) {
	t.Parallel()
	ca := keyText(newSigner(t, ssh.KeyAlgoED25519).PublicKey())
	v := Verifier{UserFiles: []string{writeFile(t, "@cert-authority host "+ca)}}
	assert.Equal(t, "ssh-ed25519-cert-v01@openssh.com", algorithms(t, &v, Host{Name: "host", Port: 2222}, nil)[0])
	assert.Equal(t, "ssh-ed25519", algorithms(t, &v, Host{Name: "host", Port: 2222, Alias: "alias"}, nil)[0])
}

func TestHostWithoutNameIsUnknown(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	v := Verifier{UserFiles: []string{writeFile(t, "* "+keyText(key))}, Policy: Strict}
	assert.Equal(t, Unknown, kindOf(t, v.Verify(Host{}, remote, key)))
}

func TestNewFileIsTheUsersAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	directory := filepath.Join(t.TempDir(), ".ssh")
	v := Verifier{UserFiles: []string{filepath.Join(directory, "known_hosts")}, Policy: AcceptNew}
	require.NoError(t, v.Verify(Host{Name: "host"}, remote, newSigner(t, ssh.KeyAlgoED25519).PublicKey()))
	for path, want := range map[string]os.FileMode{directory: 0o700, v.UserFiles[0]: 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm(), path)
	}
}

func TestAddedLineStandsOnItsOwnAndIsFoundAgain(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for _, hash := range []bool{false, true} {
		file := writeFile(t, "# a last line without its end")
		var warnings []string
		v := Verifier{UserFiles: []string{file}, Policy: AcceptNew, Hash: hash, Warn: func(s string) { warnings = append(warnings, s) }}
		host := Host{Name: "Host", Port: 2222}
		require.NoError(t, v.Verify(host, remote, key))
		assert.Equal(t, []string{"Permanently added '[host]:2222' (ED25519) to the list of known hosts."}, warnings)

		v.Policy = Strict
		assert.NoError(t, v.Verify(host, remote, key))
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := strings.Split(string(content), "\n")
		require.Len(t, lines, 3)
		assert.Equal(t, "# a last line without its end", lines[0])
		assert.Empty(t, lines[2])
		assert.Equal(t, hash, !strings.Contains(lines[1], "host"))
		assert.Equal(t, hash, strings.HasPrefix(lines[1], "|1|"))
	}
}

func TestKeyIsTrustedThoughItCannotBeWritten(t *testing.T) {
	t.Parallel()
	var warnings []string
	v := Verifier{
		UserFiles: []string{filepath.Join(t.TempDir(), "no", "such", "known_hosts")}, Policy: AcceptNew,
		Warn: func(s string) { warnings = append(warnings, s) },
	}
	assert.NoError(t, v.Verify(Host{Name: "host"}, remote, newSigner(t, ssh.KeyAlgoED25519).PublicKey()))
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "Failed to add the host to the list of known hosts (")
}

var errInterrupted = errors.New("interrupted")

func TestAnswerIsReadAsInSSH(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	fingerprint := ssh.FingerprintSHA256(key)
	tests := []struct {
		answers  []string
		accepted bool
	}{
		{[]string{"yes"}, true},
		{[]string{" YES\n"}, true},
		{[]string{fingerprint}, true},
		{[]string{fingerprint + "\n"}, true},
		{[]string{"y", "maybe", "yes"}, true},
		{[]string{strings.ToLower(fingerprint), "no"}, false},
		{[]string{ssh.FingerprintLegacyMD5(key), "no"}, false},
		{[]string{"no"}, false},
		{[]string{"No"}, false},
		{[]string{""}, false},
	}
	for _, test := range tests {
		var questions []string
		v := Verifier{
			UserFiles: []string{filepath.Join(t.TempDir(), "known_hosts")},
			Ask: func(question string) (string, error) {
				questions = append(questions, question)
				return test.answers[len(questions)-1], nil
			},
		}
		err := v.Verify(Host{Name: "host"}, remote, key)
		require.Len(t, questions, len(test.answers))
		for _, question := range questions[1:] {
			assert.Equal(t, "Please type 'yes', 'no' or the fingerprint: ", question)
		}
		if test.accepted {
			assert.NoError(t, err)
			assert.FileExists(t, v.UserFiles[0])
			continue
		}
		var refused *HostKeyError
		require.ErrorAs(t, err, &refused)
		assert.True(t, refused.Declined)
		assert.Empty(t, refused.Warning())
		assert.NoFileExists(t, v.UserFiles[0])
	}
}

func TestErrorOfAskIsPassedOn(t *testing.T) {
	t.Parallel()
	v := Verifier{
		UserFiles: []string{filepath.Join(t.TempDir(), "known_hosts")},
		Ask:       func(string) (string, error) { return "yes", errInterrupted },
	}
	err := v.Verify(Host{Name: "host"}, remote, newSigner(t, ssh.KeyAlgoED25519).PublicKey())
	assert.ErrorIs(t, err, errInterrupted)
	assert.NoFileExists(t, v.UserFiles[0])
}

func TestQuestionNamesTheAddressConnectedTo(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	tests := []struct {
		host   Host
		remote net.Addr
		want   string
	}{
		{Host{Name: "Host", Port: 2222}, remote, "'[host]:2222 ([192.0.2.7]:2222)'"},
		{Host{Name: "host"}, remote, "'host (192.0.2.7)'"},
		{Host{Name: "host", Port: 2222, Alias: "alias"}, remote, "'alias ([192.0.2.7]:2222)'"},
		{Host{Name: "host"}, &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "'host (fe80::1%eth0)'"},
		{Host{Name: "host"}, &net.TCPAddr{}, "'host (<no hostip for proxy command>)'"},
		{Host{Name: "host"}, nil, "'host (<no hostip for proxy command>)'"},
		{Host{Name: "host"}, (*net.TCPAddr)(nil), "'host (<no hostip for proxy command>)'"},
	}
	for _, test := range tests {
		var asked string
		v := Verifier{
			UserFiles: []string{filepath.Join(t.TempDir(), "known_hosts")},
			Ask:       func(question string) (string, error) { asked = question; return "no", nil },
		}
		assert.Error(t, v.Verify(test.host, test.remote, key))
		assert.True(t, strings.HasPrefix(asked, "The authenticity of host "+test.want+" can't be established.\n"), asked)
	}
}

func TestHomeDirectoryIsShortened(t *testing.T) {
	t.Parallel()
	home, err := os.UserHomeDir()
	if err != nil || filepath.Dir(home) == home {
		t.Skip("no home directory of its own")
	}
	file := filepath.Join(home, ".ssh", "known_hosts")
	assert.Equal(t, filepath.Join("~", ".ssh", "known_hosts"), shortenHome(file))
	assert.Equal(t, home+"2", shortenHome(home+"2"))
}
