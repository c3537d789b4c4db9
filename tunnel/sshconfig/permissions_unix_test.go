//go:build unix

package sshconfig

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Between two openings of an included file, somebody could put another one in its
// place. A pipe shows that there is one opening only: what it has can be read once.
func TestBuiltInReaderOpensIncludedFileOnce(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "included")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	config := writeConfig(t, "Include "+pipe+"\n")
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte("User x\n"), 0o600) }()

	read := make(chan error, 1)
	go func() {
		hops, err := Resolve(t.Context(), "a", Options{ConfigFile: config, SSH: "none"})
		if assert.NoError(t, err) {
			assert.Equal(t, "x", hops[0].User)
		}
		read <- err
	}()
	select {
	case <-read:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the included file is opened again")
	}
	require.NoError(t, <-written)
}
