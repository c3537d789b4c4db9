//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// askpassProgram writes a program for SSH_ASKPASS.
func askpassProgram(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "askpass")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return path
}

func TestAskpassIsGivenTheQuestionAndGivesTheAnswer(t *testing.T) {
	t.Setenv("SSH_ASKPASS", askpassProgram(t, `echo "to $1"; echo more`))
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	answer, err := newAsker()(t.Context(), "what? ", false)
	require.NoError(t, err)
	assert.Equal(t, "to what? ", answer)
}

func TestAnAskpassThatFailsIsNoAnswer(t *testing.T) {
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	t.Setenv("SSH_ASKPASS", askpassProgram(t, "echo no; exit 1"))
	_, err := newAsker()(t.Context(), "what? ", false)
	assert.Equal(t, errNoAnswer, err)
	t.Setenv("SSH_ASKPASS", "/nonexistent/askpass")
	_, err = newAsker()(t.Context(), "what? ", false)
	assert.ErrorContains(t, err, "SSH_ASKPASS")
}

func TestAskpassNeedsADisplayUnlessItIsForced(t *testing.T) {
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
		ask := newAsker()
		if !c.asked {
			if ask == nil {
				continue // there is no terminal either
			}
			tty, err := openTerminal()
			require.NoError(t, err, "somebody is asked, so it must be at the terminal")
			_ = tty.in.Close()
			continue
		}
		answer, err := ask(t.Context(), "?", true)
		require.NoError(t, err)
		assert.Equal(t, "asked", answer)
	}
}
