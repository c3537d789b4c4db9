package sshconfig

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files that ssh itself must own: the user's and all that are included. The
// file of -F and the system's may be anybody's.
func TestBuiltInReaderRejectsFilesThatOthersCanWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such mode on Windows")
	}
	included := writeConfig(t, "User x\n")
	config := writeConfig(t, "ProxyCommand touch ran\nInclude "+included+"\n")
	resolve := func(ssh string) error {
		_, err := Resolve(t.Context(), "a", Options{ConfigFile: config, SSH: ssh})
		return err
	}
	change := func(mode os.FileMode, owner int) {
		require.NoError(t, os.Chmod(included, mode))
		if os.Getuid() == 0 {
			require.NoError(t, os.Chown(included, owner, -1))
		}
	}
	check := func(wrong bool, what string) {
		for name, ssh := range readers() {
			err := resolve(ssh)
			if !wrong {
				assert.NoError(t, err, "%s: %s", name, what)
				continue
			}
			assert.ErrorContains(t, err, "Bad owner or permissions on "+included, "%s: %s", name, what)
			assert.ErrorAs(t, err, new(*Error))
		}
	}
	for mode, wrong := range map[os.FileMode]bool{0o600: false, 0o444: false, 0o755: false, 0o622: true, 0o602: true, 0o666: true} {
		change(mode, os.Getuid())
		check(wrong, mode.String())
	}
	change(0o660, os.Getuid()) // some distributions accept a group of one
	assert.ErrorContains(t, resolve("none"), "Bad owner or permissions on "+included)
	if os.Getuid() == 0 {
		change(0o600, 65534)
		check(true, "another user's")
		change(0o644, 0)
	} else {
		change(0o644, os.Getuid())
	}
	require.NoError(t, os.Chmod(config, 0o666))
	check(false, "the file of -F")

	// The user's own file is not that of -F.
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".ssh"), 0o700))
	own := filepath.Join(home, ".ssh", "config")
	require.NoError(t, os.WriteFile(own, []byte("User x\n"), 0o600))
	_, err := readConfig(target{host: "a"}, Options{}, account{home: home, name: "me"})
	if err != nil {
		assert.NotContains(t, err.Error(), own)
	}
	require.NoError(t, os.Chmod(own, 0o666))
	_, err = readConfig(target{host: "a"}, Options{}, account{home: home, name: "me"})
	assert.ErrorContains(t, err, "Bad owner or permissions on "+own)
}
