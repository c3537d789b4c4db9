//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
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
			if code == 421 && ftp.Name == "inetutils-ftpd" {
				s.t.Log(text) // it died of the SIGPIPE that the end of its data connection gave it
				return
			}
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

// Some servers finish a transfer before they obey a QUIT, and some break it off.
func TestAQUITInATransferNeverMakesAPartLookWhole(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		const size = 30_000_000
		ftp.WriteFile(s.t, "big", strings.Repeat("x", size))
		s.start("gateway")
		c, conn := s.loginAs(ftp)
		data := s.retrieve(c, "big")
		_, _, err := c.ReadResponse(1)
		require.NoError(s.t, err)
		require.NoError(s.t, c.PrintfLine("QUIT"))
		moved, dataErr := io.Copy(io.Discard, data)
		_ = data.Close()
		require.NoError(s.t, conn.SetReadDeadline(time.Now().Add(5*time.Second))) // Pure-FTPd says no 221, and stays
		var codes []int
		for {
			code, _, err := c.ReadResponse(0)
			if err != nil {
				break
			}
			codes = append(codes, code)
		}
		s.t.Logf("%d bytes (%v), replies %v", moved, dataErr, codes)
		if slices.Contains(codes, 226) && !slices.Contains(codes, 426) {
			assert.NoError(s.t, dataErr)
			assert.EqualValues(s.t, size, moved)
		}
	})
}

// ProFTPD takes one PORT for several transfers, and Pure-FTPd one PASV.
func TestOneCommandServesSeveralTransfersWhereTheServerLetsIt(t *testing.T) {
	t.Run("PORT", func(t *testing.T) {
		s := throughSSHD(t)
		ftp := lab.ProFTPD(t, s.Gateway, lab.FTPConfig{})
		ftp.WriteFile(t, "small", "data")
		s.start("gateway")
		c, _ := s.loginAs(ftp)
		l, err := s.Client.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		port := l.Addr().(*net.TCPAddr).Port
		require.NoError(t, c.PrintfLine("PORT 127,0,0,1,%d,%d", port>>8, port&0xff))
		_, _, err = c.ReadResponse(200)
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, c.PrintfLine("RETR small"))
			s.receive(c, func() (net.Conn, error) { return l.Accept() })
		}
	})
	t.Run("PASV", func(t *testing.T) {
		s := throughSSHD(t)
		ftp := lab.PureFTPd(t, s.Gateway, lab.FTPConfig{})
		ftp.WriteFile(t, "small", "data")
		s.start("gateway")
		c, _ := s.loginAs(ftp)
		require.NoError(t, c.PrintfLine("EPSV"))
		_, text, err := c.ReadResponse(229)
		require.NoError(t, err)
		address := "127.0.0.1:" + regexp.MustCompile(`\d+`).FindString(text)
		for range 3 {
			data, err := s.Client.DialContext(t.Context(), "tcp", address)
			require.NoError(t, err)
			require.NoError(t, c.PrintfLine("RETR small"))
			s.receive(c, func() (net.Conn, error) { return data, nil })
		}
	})
}

// receive reads "data" from a data connection that is announced.
func (s *site) receive(c *textproto.Conn, open func() (net.Conn, error)) {
	s.t.Helper()
	_, _, err := c.ReadResponse(1)
	require.NoError(s.t, err)
	data, err := open()
	require.NoError(s.t, err)
	all, err := io.ReadAll(data)
	require.NoError(s.t, err)
	assert.Equal(s.t, "data", string(all))
	require.NoError(s.t, data.Close())
	_, _, err = c.ReadResponse(226)
	require.NoError(s.t, err)
}
