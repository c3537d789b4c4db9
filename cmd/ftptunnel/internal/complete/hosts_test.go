package complete

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withFiles makes a home with files below .ssh.
func withFiles(t *testing.T, files map[string]string) {
	home := t.TempDir()
	for name, text := range files {
		path := filepath.Join(home, ".ssh", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
}

func TestHostsAreThoseOfConfigurationAndKnownHosts(t *testing.T) {
	withFiles(t, map[string]string{
		"config":      "# Host comment\nHost zz-one \"zz-two\" *.zz !zz-not zz-?\nHost=zz-three\nInclude conf.d/* ~/.ssh/more\nMatch host zz-matched\n",
		"conf.d/a":    "host zz-four\ninclude config\n", // in a circle
		"more":        "  Host zz-five\n",
		"known_hosts": "zz-six,10.99.0.6 ssh-ed25519 AAAA\n|1|hash|hash ssh-ed25519 AAAA\n[zz-seven]:2222 ssh-rsa AAAA\n@revoked zz-eight ssh-rsa AAAA\n*.zz ssh-rsa AAAA\n#zz-no\nzz-nine\n",
	})
	assert.Equal(t, []string{"zz-eight", "zz-five", "zz-four", "zz-one", "zz-seven", "zz-six", "zz-three", "zz-two"}, Hosts("zz-"))
	assert.Equal(t, []string{"10.99.0.6"}, Hosts("10.99."))
	assert.Equal(t, []string{"alice@zz-one"}, Hosts("alice@zz-o"))
	assert.Equal(t, []string{"zz-one,bob@zz-two"}, Hosts("zz-one,bob@zz-tw"))
	assert.True(t, slices.Contains(Hosts(""), "zz-one"))
	assert.Empty(t, Hosts("zz-none"))
}

func TestThereAreNoHostsWithoutFiles(t *testing.T) {
	withFiles(t, nil)
	assert.Empty(t, Hosts("zz-"))
}
