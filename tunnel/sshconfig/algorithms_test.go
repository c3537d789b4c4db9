package sshconfig

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func TestAlgorithmListsKeepOnlyWhatIsImplemented(t *testing.T) {
	if !hasSSH() {
		t.Skip("no ssh")
	}
	hops, err := Resolve(t.Context(), "a", Options{ConfigFile: writeConfig(t,
		"Ciphers -*ctr,chacha*\nKexAlgorithms sntrup761x25519-sha512@openssh.com,ecdh-sha2-nistp256\nPubkeyAcceptedKeyTypes +ssh-rsa\nMACs ^hmac-sha1\n")})
	require.NoError(t, err)
	h := hops[0]
	assert.Equal(t, []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com"}, h.Ciphers)
	assert.Equal(t, []string{"ecdh-sha2-nistp256"}, h.KexAlgorithms)
	assert.Equal(t, "hmac-sha1", h.MACs[0])
	assert.Contains(t, h.PubkeyAcceptedAlgorithms, "ssh-rsa")
	assert.Contains(t, h.PubkeyAcceptedAlgorithms, "rsa-sha2-512")
}

// The defaults are what the installed ssh prints, or without one those of package
// tunnel.
func TestDefaultAlgorithmsAreThoseOfTheInstalledSSH(t *testing.T) {
	hops, err := Resolve(t.Context(), "a", Options{ConfigFile: "none", SSH: "none"})
	require.NoError(t, err)
	assert.Empty(t, slices.Concat(hops[0].Ciphers, hops[0].KexAlgorithms, hops[0].MACs, hops[0].PubkeyAcceptedAlgorithms))

	out, err := exec.Command(realSSH(t), "-G", "-F", "none", "a").Output()
	require.NoError(t, err)
	printed := parseSettings(string(out))
	hops, err = Resolve(t.Context(), "a", Options{ConfigFile: "none"})
	require.NoError(t, err)
	safe, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	for keyword, l := range map[string]struct{ got, safe, insecure []string }{
		"ciphers":                  {hops[0].Ciphers, safe.Ciphers, old.Ciphers},
		"kexalgorithms":            {hops[0].KexAlgorithms, safe.KeyExchanges, old.KeyExchanges},
		"macs":                     {hops[0].MACs, safe.MACs, old.MACs},
		"pubkeyacceptedalgorithms": {hops[0].PubkeyAcceptedAlgorithms, withCertificates(safe.PublicKeyAuths), old.PublicKeyAuths},
	} {
		var want []string
		for _, name := range commaList(printed.first(keyword)) {
			if slices.Contains(l.safe, name) {
				want = append(want, name)
			}
			assert.NotContains(t, l.insecure, name)
		}
		assert.NotEmpty(t, want)
		switch keyword {
		case "ciphers":
			assert.ElementsMatch(t, want, l.got)
			assert.Contains(t, l.got[0], "gcm", "the fastest")
		case "kexalgorithms":
			if !slices.Contains(want, ssh.KeyExchangeMLKEM768X25519) && strings.Contains(printed.first(keyword), "sntrup761") {
				want = slices.Insert(want, 0, ssh.KeyExchangeMLKEM768X25519)
			}
			assert.Equal(t, want, l.got, keyword)
		default:
			assert.Equal(t, want, l.got, keyword)
		}
	}
}

func TestErrorForUnimplementedListNamesWhatIsImplemented(t *testing.T) {
	_, err := Resolve(t.Context(), "a", Options{ConfigFile: writeConfig(t, "KexAlgorithms sntrup761x25519-sha512@openssh.com\n")})
	var config *Error
	require.ErrorAs(t, err, &config)
	assert.Contains(t, config.Text, "kexalgorithms sntrup761x25519-sha512@openssh.com")
	if hasSSH() {
		assert.Contains(t, config.Text, "curve25519-sha256")
	}
}

func TestAlgorithmListOfOldSSHIsRead(t *testing.T) {
	ssh := program(t, `case "$*" in
-V) echo OpenSSH_8.0 >&2; exit;;
*none*) echo pubkeyacceptedkeytypes ssh-ed25519;;
*) echo pubkeyacceptedkeytypes ssh-rsa;;
esac
`+"exec "+realSSH(t)+` "$@" | grep -Ev '^(pubkeyaccepted|requiredrsasize)'
`)
	hops, err := Resolve(t.Context(), "a", Options{ConfigFile: writeConfig(t, "User x\n"), SSH: ssh})
	require.NoError(t, err)
	assert.Equal(t, []string{"ssh-rsa"}, hops[0].PubkeyAcceptedAlgorithms)
	assert.Equal(t, 1024, hops[0].RequiredRSASize)
}

func realSSH(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ssh")
	if err != nil || !hasSSH() {
		t.Skip("no ssh")
	}
	return path
}
