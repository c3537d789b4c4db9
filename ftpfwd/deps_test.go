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
		"example.org/ftptunnel/ftpfwd":           {"example.org/ftptunnel/tunnel", "example.org/ftptunnel/knownhosts", "golang.org/x/crypto", "example.org/ftptunnel/internal"},
		"example.org/ftptunnel/tunnel":           {"example.org/ftptunnel/ftpfwd", "example.org/ftptunnel/knownhosts", "example.org/ftptunnel/internal", "example.org/ftptunnel/tunnel/sshconfig"},
		"example.org/ftptunnel/tunnel/sshconfig": {"example.org/ftptunnel/ftpfwd", "example.org/ftptunnel/knownhosts", "example.org/ftptunnel/internal"},
		"example.org/ftptunnel/knownhosts":       {"example.org/ftptunnel/ftpfwd", "example.org/ftptunnel/tunnel", "example.org/ftptunnel/internal"},
		"example.org/ftptunnel/cmd/ftptunnel":    {"example.org/ftptunnel/internal", "testing"},
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
