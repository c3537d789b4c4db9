package module

import (
	"os/exec"
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
