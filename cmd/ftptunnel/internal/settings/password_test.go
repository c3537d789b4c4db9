package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPasswordIsTheFirstLineOfItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	for text, want := range map[string]string{"secret": "secret", "secret\n": "secret", "a b \r\nmore\n": "a b ", "\n": ""} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		password, err := ReadPassword(path)
		require.NoError(t, err, text)
		assert.Equal(t, want, password)
	}
	for _, text := range []string{"", strings.Repeat("x", maxPassword)} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadPassword(path)
		assert.ErrorAs(t, err, new(*Error))
		assert.NotContains(t, err.Error(), "xx")
	}
	_, err := ReadPassword(path + ".none")
	assert.ErrorAs(t, err, new(*Error))
	_, err = ReadPassword(t.TempDir())
	assert.ErrorAs(t, err, new(*Error))
}

func TestPasswordFileThatOthersMayReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are access control lists")
	}
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte("secret"), 0o600))
	require.NoError(t, os.Chmod(path, 0o640))
	_, err := ReadPassword(path)
	assert.EqualError(t, err, "--password-file: others may read "+path)
	if os.Geteuid() == 0 { // that of another user, as a mounted secret is
		require.NoError(t, os.Chown(path, 65534, -1))
		_, err := ReadPassword(path)
		assert.NoError(t, err)
	}
}
