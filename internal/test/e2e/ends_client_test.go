//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// addressOf returns the URL of a file of the user's.
func addressOf(ftp *lab.FTPServer, name string) string {
	return fmt.Sprintf("ftp://%s:%s@127.0.0.1:2121/%s", ftp.User, ftp.Password, strings.TrimPrefix(ftp.Dir+"/"+name, "/"))
}

// sizeOf returns the size of a file, and whether there is one.
func sizeOf(path string) (int64, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return info.Size(), true
}

// The kernel ends a killed client's data as if its file ended there. Servers
// confirm that to themselves, with a tunnel as without one; but the program
// knows that nobody has heard it.
func TestAKilledClientsTransferHasFailed(t *testing.T) {
	lab.Require(t, "curl")
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		putBig(s.t, ftp)
		for _, upload := range []bool{false, true} {
			p := s.startLogging("gateway")
			args := []string{"-o", lab.Home + "/got", addressOf(ftp, "big")}
			watched := s.Client.Path(lab.Home + "/got")
			if upload {
				file, _ := s.file("original", 20_000_000)
				args = []string{"-T", file, addressOf(ftp, "sent")}
				watched = ftp.Path("sent")
			}
			curl := s.Client.Start(s.t, s.Client.Command(context.Background(), "curl", append(args, "-sS", "--limit-rate", "1M")...))
			eventually(s.t, "the transfer has begun", func() bool {
				size, _ := sizeOf(watched)
				return size > 100_000
			})
			curl.Kill()
			p.Stderr.Await(s.t, `"msg":"session ended"`)
			if lines := transferLines(p); upload && len(lines) == 1 && lines[0].Reply == 226 {
				// The server was faster than the kernel, which ends the data
				// first: what is seen is that of a client that leaves behind a 226.
				s.t.Log("confirmed before the control connection had ended")
				p.Kill()
				continue
			}
			line := hasFailedOnce(s.t, p, upload, "client")
			assert.Greater(s.t, line.Bytes, int64(100_000))
			p.Kill()
		}
		size, found := sizeOf(ftp.Path("sent"))
		s.t.Logf("at the server: %v, %d bytes", found, size)
	})
}

// Some servers break off then, some go on; the client is told nothing more.
func TestAnUploadWhoseClientHasLeftHasFailed(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		p := s.startLogging("gateway")
		h := s.begin(ftp, true)
		require.NoError(s.t, h.conn.Close())
		<-time.After(100 * time.Millisecond) // for the server to see it
		h.close()
		hasFailedOnce(s.t, p, true, "client")
	})
}

// Servers that do not look at their control connection meanwhile confirm the
// part that they have got.
func TestAnAbortedUploadIsNotConfirmed(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		p := s.startLogging("gateway")
		h := s.begin(ftp, true)
		sayAbort(s.t, h.conn)
		<-time.After(100 * time.Millisecond) // some look at it, and end the data themselves
		_ = h.data.Close()
		require.NoError(s.t, h.control.PrintfLine("PWD"))
		var codes []int
		for len(codes) == 0 || codes[len(codes)-1] != 257 {
			code, text, err := h.control.ReadResponse(0)
			require.NoError(s.t, err, "after %v", codes)
			require.Contains(s.t, []int{225, 226, 257, 426, 451}, code, text)
			codes = append(codes, code)
		}
		s.t.Log(codes)
		assert.Equal(s.t, 426, codes[0], "%v", codes)
		h.close()
		hasFailedOnce(s.t, p, true, "client")
	})
}

// A QUIT waits for the end of a transfer (RFC 959, 4.1.1), or breaks it off;
// what is confirmed is what the client has sent.
func TestAnUploadWithAQUITBehindItIsConfirmedOrFails(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		p := s.startLogging("gateway")
		h := s.begin(ftp, true)
		require.NoError(s.t, h.control.PrintfLine("QUIT"))
		<-time.After(100 * time.Millisecond)
		_ = h.data.Close()
		require.NoError(s.t, h.conn.SetReadDeadline(time.Now().Add(2*time.Second))) // Pure-FTPd stays
		var codes []int
		var err error
		for code := 0; err == nil; {
			if code, _, err = h.control.ReadResponse(0); err == nil {
				codes = append(codes, code)
			}
		}
		h.close()
		p.Stderr.Await(s.t, `"msg":"session ended"`)
		lines := transferLines(p)
		require.Len(s.t, lines, 1)
		s.t.Logf("%v: %+v", codes, lines[0])
		if lines[0].Result == "ok" {
			assert.Contains(s.t, codes, 226)
			size, _ := sizeOf(ftp.Path("sent"))
			assert.EqualValues(s.t, part, size)
		} else {
			assert.NotContains(s.t, codes, 226)
		}
	})
}

func TestAFullDiskAtTheClientIsAFailure(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	s := throughSSHD(t)
	ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Local: true})
	putBig(t, ftp)
	for _, args := range [][]string{
		{"curl", "-sS", "-o", "/dev/full", addressOf(ftp, "big")},
		{"lftp", "-c", "set net:max-retries 1; set cmd:fail-exit yes; set xfer:clobber yes; set xfer:disk-full-fatal yes; open " + addressOf(ftp, "") + "; get big -o /dev/full"},
	} {
		p := s.startLogging("gateway")
		r := s.run("timeout", append([]string{"20"}, args...)...)
		assert.NotZero(t, r.status)
		t.Log(args[0], r.status, r.stderr)
		hasFailedOnce(t, p, false, "client")
		p.Kill()
	}
}
