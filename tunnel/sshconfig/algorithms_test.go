package sshconfig

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
