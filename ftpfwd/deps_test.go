package ftpfwd_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/module"
)

// The packages do not import each other: the program joins them. Package ftpfwd
// does not import SSH.
func TestPackagesDoNotImportEachOther(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"/ftpfwd":           {"/tunnel", "/knownhosts", "/internal", "golang.org/x/crypto"},
		"/tunnel":           {"/ftpfwd", "/knownhosts", "/internal", "/tunnel/sshconfig"},
		"/tunnel/sshconfig": {"/ftpfwd", "/knownhosts", "/internal"},
		"/knownhosts":       {"/ftpfwd", "/tunnel", "/internal"},
		"/cmd/ftptunnel":    {"/internal", "testing"},
	} {
		out, err := exec.Command("go", "list", "-deps", module.Path+pkg).CombinedOutput()
		require.NoError(t, err, string(out))
		for _, dep := range strings.Fields(string(out)) {
			for _, f := range forbidden {
				if strings.HasPrefix(f, "/") {
					f = module.Path + f
				}
				assert.False(t, dep == f || strings.HasPrefix(dep, f+"/"), "%s must not reach %s", pkg, dep)
			}
		}
	}
}
