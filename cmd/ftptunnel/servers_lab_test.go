//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ftptunnel/internal/ftptest"
	"ftptunnel/internal/lab"
)

// withEachServer runs test on a site with each FTP server, behind OpenSSH.
func withEachServer(t *testing.T, test func(s *site, ftp *lab.FTPServer)) {
	for _, kind := range lab.FTPServers {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			test(s, kind.Start(t, s.Gateway, lab.FTPConfig{}))
		})
	}
}

// loginAs logs in on a control connection through the tunnel.
func (s *site) loginAs(ftp *lab.FTPServer) (*textproto.Conn, *net.TCPConn) {
	s.t.Helper()
	conn, err := s.Client.DialContext(s.t.Context(), "tcp", "127.0.0.1:2121")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	c := textproto.NewConn(conn)
	_, _, err = c.ReadResponse(220)
	require.NoError(s.t, err)
	for _, line := range []struct {
		code int
		text string
	}{{331, "USER " + ftp.User}, {230, "PASS " + ftp.Password}, {200, "TYPE I"}, {250, "CWD " + ftp.Dir}} {
		if strings.HasSuffix(line.text, " ") {
			continue // the directory is the right one already
		}
		require.NoError(s.t, c.PrintfLine("%s", line.text))
		_, _, err := c.ReadResponse(line.code)
		require.NoError(s.t, err, line.text)
	}
	return c, conn.(*net.TCPConn)
}

// retrieve sends EPSV, connects, and sends RETR.
func (s *site) retrieve(c *textproto.Conn, name string) net.Conn {
	s.t.Helper()
	require.NoError(s.t, c.PrintfLine("EPSV"))
	_, text, err := c.ReadResponse(229)
	require.NoError(s.t, err)
	data, err := s.Client.DialContext(s.t.Context(), "tcp", "127.0.0.1:"+regexp.MustCompile(`\d+`).FindString(text))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = data.Close() })
	require.NoError(s.t, c.PrintfLine("RETR %s", name))
	return data
}

// sayAbort sends ABOR as clients do: behind Telnet's Interrupt Process and
// Synch, of which a part is urgent (RFC 959, 4.1.3).
func sayAbort(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	var sent error
	require.NoError(t, raw.Write(func(fd uintptr) bool {
		_, sent = syscall.SendmsgN(int(fd), []byte("\xff\xf4\xff"), nil, nil, syscall.MSG_OOB)
		return sent != syscall.EAGAIN
	}))
	require.NoError(t, sent)
	_, err = io.WriteString(c, "\xf2ABOR\r\n")
	require.NoError(t, err)
}

// Servers answer ABOR with one reply or with two, and some look at it only when
// the urgency of it reaches them, which it cannot through a tunnel.
func TestAnABORIsAnsweredSoonAndTheSessionGoesOn(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		const size = 1 << 30
		ftp.WriteFile(s.t, "big", "")
		require.NoError(s.t, os.Truncate(ftp.Path("big"), size))
		ftp.WriteFile(s.t, "small", "data")
		s.start("gateway")
		c, conn := s.loginAs(ftp)
		data := s.retrieve(c, "big")
		_, _, err := c.ReadResponse(1)
		require.NoError(s.t, err)
		_, err = io.ReadFull(data, make([]byte, 100_000))
		require.NoError(s.t, err)
		began := time.Now()
		sayAbort(s.t, conn)
		n, _ := io.Copy(io.Discard, data)
		assert.Less(s.t, n, int64(size-100_000), "the rest of the file was not sent")
		_ = data.Close()
		// However many replies come, the next commands get theirs.
		var codes []int
		require.NoError(s.t, c.PrintfLine("PWD"))
		for len(codes) == 0 || codes[len(codes)-1] != 257 {
			code, text, err := c.ReadResponse(0)
			require.NoError(s.t, err, "after %v", codes)
			require.Contains(s.t, []int{225, 226, 257, 426, 451}, code, text)
			codes = append(codes, code)
		}
		s.t.Logf("replies: %v in %v", codes[:len(codes)-1], time.Since(began).Round(time.Millisecond))
		assert.Greater(s.t, len(codes), 1)
		data = s.retrieve(c, "small")
		all, err := io.ReadAll(data)
		require.NoError(s.t, err)
		assert.Equal(s.t, "data", string(all))
	})
}

// The server's mode is forced in turn, whatever the client's.
func TestEveryModeOfAClientWorksWithEveryModeOfAServer(t *testing.T) {
	lab.Require(t, "curl")
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		file, hash := s.file("original", 1_000_000)
		url := fmt.Sprintf("ftp://%s:%s@127.0.0.1:2121/%s", ftp.User, ftp.Password, strings.TrimPrefix(ftp.Dir+"/copy", "/"))
		for _, serverMode := range []string{"passive", "active"} {
			p := s.start("--server-mode", serverMode, "gateway")
			for _, clientMode := range [][]string{{}, {"--disable-epsv"}, {"-P", "-"}, {"-P", "-", "--disable-eprt"}} {
				curl := append([]string{"-sS", "--fail"}, clientMode...)
				s.succeeds("curl", append(curl, "-T", file, url)...)
				assert.Equal(s.t, hash, hashOf(s.t, ftp.Path("copy")), "%s %v", serverMode, clientMode)
				s.succeeds("curl", append(curl, "-o", lab.Home+"/back", url)...)
				assert.Equal(s.t, hash, hashOf(s.t, s.Client.Path(lab.Home+"/back")), "%s %v", serverMode, clientMode)
			}
			assert.NotContains(s.t, p.Stderr.String(), "result=failed")
			require.NoError(s.t, p.Signal(os.Interrupt))
			_ = p.Wait()
		}
	})
}

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
