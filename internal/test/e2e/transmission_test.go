//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// lftp uses MODE Z where FEAT offers it. Uploads then take half a minute, with
// and without a tunnel: ProFTPD waits for something.
func TestDeflatedDownloadArrives(t *testing.T) {
	lab.Require(t, "lftp")
	s := throughSSHD(t)
	ftp := lab.ProFTPD(t, s.Gateway, lab.FTPConfig{Extra: lab.ModeZ})
	text := strings.Repeat("what can be deflated ", 50_000)
	ftp.WriteFile(t, "copy", text)
	p := s.start("-vv", "gateway")
	s.lftp("set ftp:use-mode-z yes", "open "+urlOf(ftp, ""), "get copy -o "+lab.Home+"/back")
	back, err := os.ReadFile(s.Client.Path(lab.Home + "/back"))
	require.NoError(t, err)
	assert.Equal(t, text, string(back))
	p.awaitLog(ftpLine, attrReceived, "MODE Z")
	moved := p.awaitTransfer(attrResult, "ok", attrCommand, "RETR", attrFile, "copy", attrDirection, "download")
	assert.Less(t, moved.number(attrBytes), int64(10_000), "it was deflated")
	assert.GreaterOrEqual(t, moved.number(attrBytes), int64(1000))
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

// In block mode, all files use one data connection (RFC 959, 3.4.2).
func TestBlockModeMovesManyFilesOnOneDataConnection(t *testing.T) {
	throughEach(t, func(s *site) {
		s.imitate(ftptest.Dialect{Modes: "SB"})
		p := s.start("gateway")
		c := s.login()
		_, err := c.command(200, "MODE B")
		require.NoError(s.t, err)
		port, err := c.open("EPSV")
		require.NoError(s.t, err)
		data, err := port.connect()
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
			_, err := c.expect(226)
			require.NoError(s.t, err)
			_, err = c.command(150, "RETR %d", i)
			require.NoError(s.t, err)
			assert.Equal(s.t, fmt.Sprintf("file%02d", i), readBlocks(s.t, data))
			_, err = c.expect(226)
			require.NoError(s.t, err)
		}
		s.t.Logf("%d files in %v", 2*files, time.Since(began).Round(time.Millisecond))
		p.awaitTransfer(attrCommand, "RETR", attrFile, fmt.Sprint(files-1), attrDirection, "download", attrMode, "EPSV")
		p.noTransferFailed()
	})
}

// ProFTPD accepts one PORT for several transfers, and Pure-FTPd one EPSV.
func TestOneOpenerServesSeveralTransfersIfServerAllowsIt(t *testing.T) {
	for opener, start := range map[string]func(testing.TB, *lab.Host, lab.FTPConfig) *lab.FTPServer{
		"PORT": lab.ProFTPD,
		"EPSV": lab.PureFTPd,
	} {
		t.Run(opener, func(t *testing.T) {
			s := throughSSHD(t)
			ftp := start(t, s.Gateway, lab.FTPConfig{})
			ftp.WriteFile(t, "small", "data")
			s.start("gateway")
			c := s.loginTo(ftp)
			transfer := s.reuse(c, opener)
			for range 3 {
				got, err := c.receive(transfer("RETR small"))
				require.NoError(t, err)
				assert.Equal(t, "data", string(got))
			}
		})
	}
}

// reuse sends PORT or EPSV once. It returns a function that begins a transfer,
// and returns its data connection.
func (s *site) reuse(c *client, opener string) func(command string) net.Conn {
	s.t.Helper()
	if opener == "EPSV" {
		port, err := c.open(opener)
		require.NoError(s.t, err)
		return func(command string) net.Conn {
			data, err := c.begin(port, command, true)
			require.NoError(s.t, err)
			return data
		}
	}
	l, line := s.listen(opener)
	_, err := c.command(200, "%s", line)
	require.NoError(s.t, err)
	return func(command string) net.Conn {
		_, err := c.command(1, "%s", command)
		require.NoError(s.t, err)
		data, err := l.Accept()
		require.NoError(s.t, err)
		return data
	}
}
