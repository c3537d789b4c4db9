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

// TestPackagesImportOnlyLowerLayers compares the imports with the picture in
// the comment of package main.
func TestPackagesImportOnlyLowerLayers(t *testing.T) {
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
	const parts = module.Path + "/cmd/ftptunnel/internal/"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, parts+"...").CombinedOutput()
	require.NoError(t, err, string(out))
	packages := 0
	for line := range strings.Lines(string(out)) {
		var above string
		for i, path := range strings.Fields(line) {
			name, ours := strings.CutPrefix(path, parts)
			switch {
			case i == 0:
				above = name
				packages++
				require.Contains(t, layer, name, "the picture lacks a package")
			case ours:
				assert.Greater(t, layer[name], layer[above], "%s imports %s", above, name)
			}
		}
	}
	assert.Len(t, layer, packages)
}
