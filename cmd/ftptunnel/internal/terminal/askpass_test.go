//go:build unix

package terminal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// askpassProgram writes a script for SSH_ASKPASS and returns its path.
func askpassProgram(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "askpass")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return path
}

func TestAskpassGetsTheQuestionAndReturnsTheFirstLine(t *testing.T) {
	t.Setenv("SSH_ASKPASS", askpassProgram(t, `echo "to $1"; echo more`))
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	answer, err := NewAsker()(t.Context(), "what? ", false)
	require.NoError(t, err)
	assert.Equal(t, "to what? ", answer)
}

func TestAskpassThatFailsReturnsNoAnswer(t *testing.T) {
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	t.Setenv("SSH_ASKPASS", askpassProgram(t, "echo no; exit 1"))
	_, err := NewAsker()(t.Context(), "what? ", false)
	assert.Equal(t, errNoAnswer, err)
	t.Setenv("SSH_ASKPASS", "/nonexistent/askpass")
	_, err = NewAsker()(t.Context(), "what? ", false)
	assert.ErrorContains(t, err, "SSH_ASKPASS")
}

func TestAskpassNeedsADisplayUnlessForced(t *testing.T) {
	t.Setenv("SSH_ASKPASS", askpassProgram(t, "echo asked"))
	t.Setenv("WAYLAND_DISPLAY", "")
	for _, c := range []struct {
		require, display string
		asked            bool
	}{
		{"force", "", true},
		{"prefer", ":0", true},
		{"prefer", "", false},
		{"never", ":0", false},
	} {
		t.Setenv("SSH_ASKPASS_REQUIRE", c.require)
		t.Setenv("DISPLAY", c.display)
		ask := NewAsker()
		if !c.asked {
			if ask == nil {
				continue // no terminal either
			}
			tty, err := open()
			require.NoError(t, err, "the asker must be the terminal")
			_ = tty.in.Close()
			continue
		}
		answer, err := ask(t.Context(), "?", true)
		require.NoError(t, err)
		assert.Equal(t, "asked", answer)
	}
}
