package matrix

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.org/ftptunnel/internal/test/clients"
)

// page is a small one: a cell of each kind, over the same route.
func page() Page {
	ok, failed := Outcome{}, Outcome{Wrong: "there is no file"}
	cell := func(carrier Carrier, client string) Key { return Key{carrier, Route{}, "one|server", client} }
	return Page{
		Date: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
		Results: Results{
			cell(Direct, "works"):       {clients.List: ok, clients.Upload: ok},
			cell(OpenSSH, "works"):      {clients.List: ok, clients.Upload: ok},
			cell(Direct, "gains"):       {clients.List: ok, clients.Upload: failed},
			cell(OpenSSH, "gains"):      {clients.List: ok, clients.Upload: ok},
			cell(Direct, "same"):        {clients.List: ok, clients.Upload: failed},
			cell(OpenSSH, "same"):       {clients.List: ok, clients.Upload: failed},
			cell(Direct, "same again"):  {clients.List: ok, clients.Upload: failed},
			cell(OpenSSH, "same again"): {clients.List: ok, clients.Upload: failed},
			cell(Direct, "never"):       {clients.List: failed, clients.Upload: failed},
			cell(OpenSSH, "never"):      {clients.List: failed, clients.Upload: failed},
			cell(Direct, "broken"):      {clients.List: ok, clients.Upload: failed},
			cell(OpenSSH, "broken"):     {clients.List: Outcome{Said: "425 no"}, clients.Upload: failed},
		},
		Servers:  []string{"one|server", "another"},
		Clients:  []string{"works", "gains", "same", "same again", "never", "broken", "absent"},
		Versions: []Versions{{"clients", [][2]string{{"works", "1.0"}}}},
		NAT:      []NATRow{{"BPFTP", behindRouters[0].ways, [2]Ways{{"yes", "yes"}, {"no", "yes"}}}},
	}
}

func TestEachFieldSaysHowItsCellFared(t *testing.T) {
	report := Report(page())
	for _, line := range []string{
		`| | one\|server |`,
		"| works | ✓ |",
		"| gains | ✓+ |",
		"| same | =<sup>1</sup> |",
		"| same again | =<sup>1</sup> |",
		"| never | =<sup>2</sup> |",
		"| broken | ✗<sup>3</sup> |",
		"1. fails: upload",
		"2. fails: everything",
		"3. fails: list only through the tunnel",
	} {
		assert.Contains(t, report, line+"\n")
	}
	assert.NotContains(t, report, "absent", "no cell was run")
	assert.NotContains(t, report, "another |\n", "no cell was run")
	assert.NotContains(t, report, "Dropbear: IPv4", "no cell was run")
}

func TestFailuresOfTheTunnelAreListed(t *testing.T) {
	p := page()
	assert.Contains(t, Report(p), "## Failures of the tunnel\n\n"+
		`- broken, one|server through OpenSSH (IPv4): list: the file is right, but the client says: 425 no`+"\n")
	p.Results[Key{Direct, Route{}, "one|server", "broken"}][clients.List] = Outcome{Said: "425 no"}
	assert.Contains(t, Report(p), "## Failures of the tunnel\n\nNone.\n", "explained by the direct run")
}

func TestAClientOfAnotherFamilyIsComparedWithOneOfTheServers(t *testing.T) {
	failed := Outcomes{clients.Upload: {Wrong: "there is no file"}}
	mixed := Key{OpenSSH, Route{Server6: true}, "s", "c"}
	assert.Len(t, Results{mixed: failed}.Failures(), 1)
	assert.Empty(t, Results{mixed: failed, {Direct, Route{true, true}, "s", "c"}: failed}.Failures())
	assert.Len(t, Results{mixed: failed, {Direct, Route{}, "s", "c"}: failed}.Failures(), 1)
}

func TestAWayBehindRoutersWorksIfItDoesThroughBothGateways(t *testing.T) {
	results := Results{}
	for _, carrier := range carriers {
		for _, port := range natPorts {
			results[Key{carrier, Route{}, onPort("BPFTP", port), "curl PASV"}] = Outcomes{clients.List: {}}
			results[Key{carrier, Route{}, onPort("BPFTP", port), "curl PORT"}] = Outcomes{clients.List: {}}
		}
	}
	assert.Equal(t, [2]Ways{{"yes", "yes"}, {"yes", "yes"}}, natRows(results)[0].Through)
	results[Key{Dropbear, Route{}, onPort("BPFTP", 21), "curl PORT"}] = Outcomes{clients.List: {}, clients.Upload: {Said: "425 no"}}
	delete(results, Key{OpenSSH, Route{}, onPort("BPFTP", 2100), "curl PASV"})
	assert.Equal(t, [2]Ways{{"yes", "no"}, {"no", "yes"}}, natRows(results)[0].Through)
}

func TestThePageIsDatedAndBeginsWithServersBehindRouters(t *testing.T) {
	report := Report(page())
	assert.True(t, strings.HasPrefix(report, "# Compatibility\n\nMade by `make matrix` on 29 February 2024 "), report)
	assert.Contains(t, report, "| BPFTP | yes, **yes** | yes, **yes** | no, **no** | yes, **yes** |\n")
	assert.Less(t, strings.Index(report, "BPFTP"), strings.Index(report, "| works"))
	assert.True(t, strings.HasSuffix(report, "## Versions: clients\n\n| | |\n|---|---|\n| works | 1.0 |\n"))
}
