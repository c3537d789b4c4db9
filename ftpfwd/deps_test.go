package ftpfwd_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/module"
)

// The packages do not know each other: what joins them is the program. And
// what forwards FTP knows no SSH.
func TestPackagesDoNotKnowEachOther(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"/ftpfwd":           {module.Path + "/tunnel", module.Path + "/knownhosts", "golang.org/x/crypto", module.Path + "/internal"},
		"/tunnel":           {module.Path + "/ftpfwd", module.Path + "/knownhosts", module.Path + "/internal", module.Path + "/tunnel/sshconfig"},
		"/tunnel/sshconfig": {module.Path + "/ftpfwd", module.Path + "/knownhosts", module.Path + "/internal"},
		"/knownhosts":       {module.Path + "/ftpfwd", module.Path + "/tunnel", module.Path + "/internal"},
		"/cmd/ftptunnel":    {module.Path + "/internal", "testing"},
	} {
		out, err := exec.Command("go", "list", "-deps", module.Path+pkg).CombinedOutput()
		require.NoError(t, err, string(out))
		for _, dep := range strings.Fields(string(out)) {
			for _, f := range forbidden {
				assert.False(t, dep == f || strings.HasPrefix(dep, f+"/"), "%s must not reach %s", pkg, dep)
			}
		}
	}
}
