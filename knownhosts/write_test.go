package knownhosts

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func TestNewFileIsAccessibleToOwnerOnly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
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

func TestAddedKeyIsOnALineOfItsOwnAndTrusted(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for _, hash := range []bool{false, true} {
		file := writeFile(t, "# a last line without a newline")
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
		assert.Equal(t, "# a last line without a newline", lines[0])
		assert.Empty(t, lines[2])
		assert.Equal(t, hash, !strings.Contains(lines[1], "host"))
		assert.Equal(t, hash, strings.HasPrefix(lines[1], "|1|"))
	}
}

func TestKeyThatCannotBeAddedIsTrustedWithWarning(t *testing.T) {
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
