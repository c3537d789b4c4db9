package matrix

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/internal/test/module"
)

// TestMatrix runs a slice of the matrix, with each client in each mode and each
// server, or all of it if MATRIX=all is in the environment. MATRIX_REPORT names
// the file for the page about it.
func TestMatrix(t *testing.T) {
	lab.Require(t)
	dir := t.TempDir()
	require.NoError(t, clients.Unpack(dir))
	binary := filepath.Join(dir, "ftptunnel")
	require.NoError(t, module.BuildProgram(binary, false))

	all := clients.All(dir)
	for _, c := range all {
		lab.Program(t, c.Programs...)
	}
	servers, variants := Servers(), clients.Variants(all)
	behindNAT := natServers()
	units := sliceUnits(servers, variants)
	if os.Getenv("MATRIX") == "all" {
		units = fullUnits(servers, variants)
	}
	results := measure(t, binary, append(units, natUnits(behindNAT)...))
	maps.Copy(results, measure(t, binary, beside(units, results)))
	for range 4 {
		again := doubtful(servers, variants, results)
		if len(again) == 0 {
			break
		}
		results.add(measure(t, binary, again))
	}

	rows := natRows(results)
	for _, row := range rows {
		assert.Equal(t, [2]Ways{{"yes", "yes"}, {"yes", "yes"}}, row.Through, "%s behind a router", row.Server)
		for _, port := range natPorts {
			direct := results[Key{Direct, Route{}, onPort(row.Server, port), "curl PASV"}]
			assert.False(t, direct.ok(), "without the tunnel %s must be out of reach", row.Server)
		}
	}
	for _, f := range results.Failures() {
		assert.Fail(t, "fails only through the tunnel", "%v, %s: %v\n%s", f.Key, f.Operation, f.Outcome, f.Log)
	}
	if path := os.Getenv("MATRIX_REPORT"); path != "" {
		page := Report(Page{
			Date: time.Now(), Results: results, Servers: serverNames(servers), Clients: titles(variants), Versions: versions(t, servers, all), NAT: rows,
		})
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
}

func titles(variants []clients.Variant) (names []string) {
	for _, v := range variants {
		names = append(names, v.Title())
	}
	return names
}

func serverNames(servers []*Server) (names []string) {
	for _, s := range servers {
		names = append(names, s.Name)
	}
	return names
}
