//go:build linux

package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A client with a small file has closed its data connection a moment after it
// has made it, and then nobody can tell whose that was.
func TestSmallFilesOfAFastClientAreAllTaken(t *testing.T) {
	lab.Require(t, "lftp")
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		const files = 100
		dir := lab.Home + "/small"
		require.NoError(s.t, os.Mkdir(s.Client.Path(dir), 0o755))
		for i := range files {
			s.Client.WriteFile(s.t, fmt.Sprintf("%s/f%d", dir, i), fmt.Sprint("this is ", i))
		}
		p := s.start("gateway")
		s.succeeds("lftp", "-u", ftp.User+","+ftp.Password, "-e", "set net:max-retries 1; set cmd:fail-exit yes; set ftp:sync-mode off; "+
			"lcd "+dir+"; mput f*; exit", addressOf(ftp, ""))
		for i := range files {
			got, err := os.ReadFile(ftp.Path(fmt.Sprint("f", i)))
			require.NoError(s.t, err)
			assert.Equal(s.t, fmt.Sprint("this is ", i), string(got))
		}
		assert.NotContains(s.t, p.Stderr.String(), "turned away")
	})
}
