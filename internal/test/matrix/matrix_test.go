package matrix

import (
	"maps"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// TestMatrix measures a slice of the matrix, which touches each client in each
// mode, and each server; all of it if MATRIX=all is in the environment.
// MATRIX_REPORT names the file for the page about it.
func TestMatrix(t *testing.T) {
	lab.Require(t)
	dir := t.TempDir()
	require.NoError(t, unpackSources(dir))
	binary, err := build(dir)
	require.NoError(t, err)

	all := Clients(dir)
	for _, c := range all {
		lab.Program(t, c.Programs...)
	}
	servers, clients := Servers(), modes(all)
	behindNAT := natServers()
	units := sliceUnits(servers, clients)
	if os.Getenv("MATRIX") == "all" {
		units = fullUnits(servers, clients)
	}
	results := measure(t, binary, append(units, natUnits(behindNAT)...))
	maps.Copy(results, measure(t, binary, beside(units, results)))

	rows := natRows(results)
	for _, row := range rows {
		assert.Equal(t, [2]Ways{{"yes", "yes"}, {"yes", "yes"}}, row.Through, "%s behind a router", row.Server)
		for _, port := range natPorts {
			direct := results[Key{Direct, Route{}, onPort(row.Server, port), "curl PASV"}]
			assert.False(t, direct.ok(), "without the tunnel %s is out of reach, or this shows nothing", row.Server)
		}
	}
	for _, f := range results.Failures() {
		assert.Fail(t, "fails through the tunnel only", "%v, %s: %v\n%s", f.Key, f.Operation, f.Outcome, f.Log)
	}
	if path := os.Getenv("MATRIX_REPORT"); path != "" {
		page := Report(Page{
			Date: time.Now(), Results: results, Servers: serverNames(servers), Clients: titles(clients), Versions: versions(t, servers, all), NAT: rows,
		})
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
}

func titles(clients []mode) (names []string) {
	for _, m := range clients {
		names = append(names, m.title())
	}
	return names
}

func serverNames(servers []*Server) (names []string) {
	for _, s := range servers {
		names = append(names, s.Name)
	}
	return names
}
