package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/module"
)

// TestPackagesImportOnlyWhatIsBelowThem compares the imports with the picture in
// the comment of package main.
func TestPackagesImportOnlyWhatIsBelowThem(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	_, picture, _ := strings.Cut(string(source), "//\tmain\n")
	picture, _, _ = strings.Cut(picture, "//\n")
	layer := map[string]int{}
	for i, line := range strings.Split(picture, "\n") {
		for _, m := range regexp.MustCompile(`(?:\t|  +)([a-z]+) +`).FindAllStringSubmatch(line, -1) {
			layer[m[1]] = i + 1
		}
	}
	packages, err := os.ReadDir("internal")
	require.NoError(t, err)
	const parts = module.Path + "/cmd/ftptunnel/internal/"
	for _, p := range packages {
		require.Contains(t, layer, p.Name(), "the picture lacks a package")
		out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, parts+p.Name()).CombinedOutput()
		require.NoError(t, err, string(out))
		for _, path := range strings.Fields(string(out)) {
			if name, ours := strings.CutPrefix(path, parts); ours {
				assert.Greater(t, layer[name], layer[p.Name()], "%s imports %s", p.Name(), name)
			}
		}
	}
	assert.Len(t, layer, len(packages))
}
