//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// lftp asks for MODE Z where FEAT offers it. (Uploads take half a minute then,
// with and without a tunnel: ProFTPD waits for something.)
func TestDeflatedDownloadsArrive(t *testing.T) {
	lab.Require(t, "lftp")
	s := throughSSHD(t)
	ftp := lab.ProFTPD(t, s.Gateway, lab.FTPConfig{Extra: lab.ModeZ})
	text := strings.Repeat("what can be deflated ", 50_000)
	ftp.WriteFile(t, "copy", text)
	p := s.start("-vv", "gateway")
	s.succeeds("lftp", "-u", ftp.User+","+ftp.Password, "-e", "set net:max-retries 1; set cmd:fail-exit yes; set ftp:use-mode-z yes; get copy -o "+lab.Home+"/back; exit", here)
	back, err := os.ReadFile(s.Client.Path(lab.Home + "/back"))
	require.NoError(t, err)
	assert.Equal(t, text, string(back))
	p.Stderr.Await(t, `said="MODE Z"`)
	assert.Regexp(t, `result=ok command=RETR file=copy direction=download mode=\w+ bytes=\d{4} `, p.Stderr.String(), "it was deflated")
}

// scripted serves a dialect on port 21 of the gateway, until the test ends.
func (s *site) scripted(d ftptest.Dialect) {
	s.t.Helper()
	root, err := os.OpenRoot(s.t.TempDir())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = root.Close() })
	l, err := s.Gateway.Listen(s.t.Context(), "tcp", "127.0.0.1:21")
	require.NoError(s.t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	server := &ftptest.Server{Root: root, Dialect: d, Network: s.Gateway}
	go func() { served <- server.Serve(ctx, l) }()
	s.t.Cleanup(func() { stop(); assert.NoError(s.t, <-served) })
}

// readBlocks reads a file in block mode.
func readBlocks(t *testing.T, r io.Reader) string {
	t.Helper()
	var file strings.Builder
	for header := [3]byte{}; header[0]&64 == 0; {
		_, err := io.ReadFull(r, header[:])
		require.NoError(t, err)
		_, err = io.CopyN(&file, r, int64(header[1])<<8|int64(header[2]))
		require.NoError(t, err)
	}
	return file.String()
}

// In block mode all goes through one data connection (RFC 959, 3.4.2).
func TestBlockModeMovesManyFilesOnOneDataConnection(t *testing.T) {
	throughEach(t, func(s *site) {
		s.scripted(ftptest.Dialect{Modes: "SB"})
		p := s.start("gateway")
		c, err := s.login()
		require.NoError(s.t, err)
		_, err = c.command(331, "USER bob")
		require.NoError(s.t, err)
		_, err = c.command(230, "PASS x")
		require.NoError(s.t, err)
		_, err = c.command(200, "MODE B")
		require.NoError(s.t, err)
		text, err := c.command(229, "EPSV")
		require.NoError(s.t, err)
		data, err := s.Client.DialContext(s.t.Context(), "tcp", "127.0.0.1:"+regexp.MustCompile(`\d+`).FindString(text))
		require.NoError(s.t, err)
		defer data.Close()
		const files = 50
		began := time.Now()
		for i := range files {
			content := fmt.Sprintf("\x00\x00\x04file\x40\x00\x02%02d", i) // two blocks, of which the second is the last
			_, err = c.command(150, "STOR %d", i)
			require.NoError(s.t, err)
			_, err = io.WriteString(data, content)
			require.NoError(s.t, err)
			_, _, err := c.ReadResponse(226)
			require.NoError(s.t, err)
			_, err = c.command(150, "RETR %d", i)
			require.NoError(s.t, err)
			assert.Equal(s.t, fmt.Sprintf("file%02d", i), readBlocks(s.t, data))
			_, _, err = c.ReadResponse(226)
			require.NoError(s.t, err)
		}
		s.t.Logf("%d files in %v", 2*files, time.Since(began).Round(time.Millisecond))
		p.Stderr.Await(s.t, fmt.Sprintf("command=RETR file=%d direction=download mode=EPSV bytes=", files-1))
		assert.NotContains(s.t, p.Stderr.String(), "result=failed")
	})
}
