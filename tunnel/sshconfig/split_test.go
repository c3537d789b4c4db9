package sshconfig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplitPathsKeepsSpacesInNames(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "with space")
	require.NoError(t, os.Mkdir(folder, 0o700))
	there := filepath.Join(folder, "known hosts")
	require.NoError(t, os.WriteFile(there, nil, 0o600))
	missing := filepath.Join(folder, "missing")
	for _, want := range [][]string{
		nil,
		{"/a"},
		{"/a", "/b"},
		{there},
		{missing, there},
		{there, missing},
		{missing, missing},
		{"relative", "/b"},
		{"none"},
	} {
		var joined string
		for i, name := range want {
			if i > 0 {
				joined += " "
			}
			joined += name
		}
		assert.Equal(t, want, splitPaths(joined))
	}
}

func TestSplitArgumentsAgreesWithSSH(t *testing.T) {
	for text, want := range map[string][]string{
		"a  b\tc ":       {"a", "b", "c"},
		`a "b c" 'd "e'`: {"a", "b c", `d "e`},
		`a\ b "\"" '\''`: {"a b", `"`, "'"},
		`a\b "\ " ''`:    {`a\b`, `\ `, ""},
		"":               nil,
	} {
		got, err := splitArguments(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	_, err := splitArguments(`a "b`)
	assert.Error(t, err)
}
