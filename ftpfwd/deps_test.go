package ftpfwd_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The packages do not know each other: what joins them is the program. And
// what forwards FTP knows no SSH.
func TestPackagesDoNotKnowEachOther(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"ftptunnel/ftpfwd":        {"ftptunnel/tunnel", "ftptunnel/knownhosts", "golang.org/x/crypto", "ftptunnel/internal"},
		"ftptunnel/tunnel":        {"ftptunnel/ftpfwd", "ftptunnel/knownhosts", "ftptunnel/internal"},
		"ftptunnel/knownhosts":    {"ftptunnel/ftpfwd", "ftptunnel/tunnel", "ftptunnel/internal"},
		"ftptunnel/cmd/ftptunnel": {"ftptunnel/internal", "testing"},
	} {
		out, err := exec.Command("go", "list", "-deps", pkg).CombinedOutput()
		require.NoError(t, err, string(out))
		for _, dep := range strings.Fields(string(out)) {
			for _, f := range forbidden {
				assert.False(t, dep == f || strings.HasPrefix(dep, f+"/"), "%s must not reach %s", pkg, dep)
			}
		}
	}
}
