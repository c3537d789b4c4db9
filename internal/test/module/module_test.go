package module

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPathIsTheOneInGoMod(t *testing.T) {
	out, err := exec.Command("go", "list", "-m").Output()
	require.NoError(t, err)
	assert.Equal(t, Path, strings.TrimSpace(string(out)))
}

// The pages name the tests that keep their claims.
func TestPagesNameTestsThatExist(t *testing.T) {
	const root = "../../.."
	var pages, tests strings.Builder
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		into := &pages
		switch {
		case strings.HasSuffix(path, "_test.go"):
			into = &tests
		case !strings.HasSuffix(path, ".md"):
			return nil
		}
		text, err := os.ReadFile(path)
		into.Write(text)
		return err
	}))
	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(pages.String(), -1)
	assert.NotEmpty(t, named)
	for _, name := range named {
		assert.Contains(t, tests.String(), "\nfunc "+name[1]+"(", "no such test")
	}
}

// What a page of limits claims is tested.
func TestEveryLimitNamesItsTest(t *testing.T) {
	text, err := os.ReadFile("../../../docs/limits.md")
	require.NoError(t, err)
	var columns, rows int // of the table being read; 0 outside one with tests
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSpace(line); {
		case !strings.HasPrefix(line, "|"):
			columns = 0
		case strings.HasSuffix(line, "| test |"):
			columns = strings.Count(line, "|")
		case columns > 0 && !strings.HasPrefix(line, "|---"):
			rows++
			assert.Equal(t, columns, strings.Count(line, "|"), line)
			assert.Regexp(t, "`Test\\w+` \\|$", line)
		}
	}
	assert.Greater(t, rows, 50)
}
