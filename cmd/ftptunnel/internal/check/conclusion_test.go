package check

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
)

func TestConclusionCountsOnlyModesThatServerModeAllows(t *testing.T) {
	passive, active := map[string]bool{"EPSV": true, "PASV": true, "EPRT": false, "PORT": false}, map[string]bool{"EPSV": false, "PASV": false, "EPRT": true, "PORT": true}
	for _, c := range []struct {
		mode    ftpfwd.ServerMode
		modes   map[string]bool
		works   bool
		summary string
	}{
		{ftpfwd.Auto, active, true, "may use any mode"},
		{ftpfwd.Passive, passive, true, "may use any mode"},
		{ftpfwd.Passive, active, false, "Nothing works with --server-mode=passive: only EPRT, PORT work"},
		{ftpfwd.Active, active, true, "may use any mode"},
		{ftpfwd.Active, passive, false, "Nothing works with --server-mode=active: only EPSV, PASV work"},
		{ftpfwd.Exact, active, true, "must use one of them"},
	} {
		s := &settings.Settings{}
		s.FTP.ServerMode = c.mode
		checker := &checker{Options: Options{Settings: s}, report: newReport("gw", "ftp:21")}
		checker.report.Modes = c.modes
		checker.concludeModes()
		assert.Equal(t, c.works, checker.report.Works, "%s %v", c.mode, c.modes)
		assert.Contains(t, strings.Join(checker.report.Summary, "\n"), c.summary)
	}
}

func TestAdviceNamesTheAddressesOfAServerThatHasSeveral(t *testing.T) {
	of := func(addresses ...string) (found []netip.Addr) {
		for _, a := range addresses {
			found = append(found, netip.MustParseAddr(a))
		}
		return found
	}
	assert.Empty(t, adviceOnAddresses("ftp.example", nil))
	assert.Empty(t, adviceOnAddresses("ftp.example", of("10.0.0.1", "fd00::1")), "one host with both families")
	assert.Equal(t, []string{"ftp.example has several addresses (10.0.0.1, 10.0.0.2), and a data connection may reach another than the control connection: name one of them instead"},
		adviceOnAddresses("ftp.example", of("10.0.0.1", "fd00::1", "::ffff:10.0.0.2")))
}
