package matrix

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/internal/test/module"
)

// TestMatrix runs a slice of the matrix, with each client in each mode and each
// server, or all of it if MATRIX=all is in the environment. MATRIX_CLIENTS restricts
// it to the clients whose names and modes match the regular expression, and
// MATRIX_REPORT names the file for the page about it.
func TestMatrix(t *testing.T) {
	lab.Require(t)
	dir := t.TempDir()
	require.NoError(t, clients.Unpack(dir))
	binary := filepath.Join(dir, "ftptunnel")
	require.NoError(t, module.BuildProgram(binary, false))

	all := slices.DeleteFunc(clients.All(dir), func(c *clients.Client) bool { return !lab.Installed(t, c.Programs...) })
	servers, variants := Servers(), clients.Variants(all)
	only := os.Getenv("MATRIX_CLIENTS")
	if only != "" {
		chosen := regexp.MustCompile(only)
		variants = slices.DeleteFunc(variants, func(v clients.Variant) bool { return !chosen.MatchString(v.Title()) })
	}
	units := sliceUnits(servers, variants)
	if os.Getenv("MATRIX") == "all" {
		units = fullUnits(servers, variants)
	}
	var routers []unit
	if only == "" {
		routers = natUnits(natServers())
	}
	results := measure(t, binary, slices.Concat(units, routers))
	maps.Copy(results, measure(t, binary, beside(units, results)))
	for range 4 {
		again := doubtful(servers, variants, results)
		if len(again) == 0 {
			break
		}
		results.add(measure(t, binary, again))
	}

	var rows []NATRow
	if routers != nil {
		rows = behindRouter(t, results)
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

// behindRouter returns the rows of the table of servers behind routers, and checks
// them.
func behindRouter(t *testing.T, results Results) []NATRow {
	rows := natRows(results)
	for _, row := range rows {
		assert.Equal(t, [2]Ways{{"yes", "yes"}, {"yes", "yes"}}, row.Through, "%s behind a router", row.Server)
		for _, port := range natPorts {
			direct := results[Key{Direct, Route{}, onPort(row.Server, port), "curl PASV"}]
			assert.False(t, direct.ok(), "without the tunnel %s must be out of reach", row.Server)
		}
	}
	return rows
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
