//go:build linux

package e2e

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// abortReplies are the codes that may answer an ABOR and the PWD after it.
var abortReplies = []int{225, 226, 257, 426, 451}

// Servers answer ABOR with one reply or with two, and some read it only when its
// urgent data arrives, which a tunnel cannot carry.
func TestABORIsAnsweredSoonAndSessionContinues(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		const size = 1 << 30
		ftp.WriteFile(s.t, "big", "")
		require.NoError(s.t, os.Truncate(ftp.Path("big"), size))
		ftp.WriteFile(s.t, "small", "data")
		s.start("gateway")
		c := s.loginTo(ftp)
		data, err := c.transfer("EPSV", "RETR big")
		require.NoError(s.t, err)
		_, err = io.ReadFull(data, make([]byte, 100_000))
		require.NoError(s.t, err)
		began := time.Now()
		require.NoError(s.t, c.abort())
		n, _ := io.Copy(io.Discard, data)
		assert.Less(s.t, n, int64(size-100_000), "the rest of the file was not sent")
		_ = data.Close()
		// However many replies arrive, the next commands get theirs.
		require.NoError(s.t, c.send("PWD"))
		codes, err := c.expectUntil(257)
		if slices.Contains(codes, 421) && ftp.Name == "inetutils-ftpd" {
			s.t.Log(codes) // it died of the SIGPIPE that the end of its data connection caused
			return
		}
		require.NoError(s.t, err)
		require.Subset(s.t, abortReplies, codes)
		s.t.Logf("replies: %v in %v", codes[:len(codes)-1], time.Since(began).Round(time.Millisecond))
		assert.Greater(s.t, len(codes), 1)
		got, err := c.download("EPSV", "small")
		require.NoError(s.t, err)
		assert.Equal(s.t, "data", string(got))
	})
}

// Servers that do not read their control connection during a transfer confirm
// the part that they have received.
func TestAbortedUploadIsNotConfirmed(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		p := s.startLogging("-v", "gateway")
		h := s.begin(ftp, true)
		require.NoError(s.t, h.abort())
		p.awaitLog(ftpLine, attrReceived, "ABOR")
		<-time.After(100 * time.Millisecond) // other servers end the data themselves
		_ = h.data.Close()
		require.NoError(s.t, h.send("PWD"))
		codes, err := h.expectUntil(257)
		require.NoError(s.t, err)
		require.Subset(s.t, abortReplies, codes)
		s.t.Log(codes)
		assert.Equal(s.t, 426, codes[0], "%v", codes)
		h.leave()
		p.failedOnce(true, "client")
	})
}

// Some servers finish a transfer before they obey a QUIT, and some abort it.
func TestQUITDuringDownloadNeverMakesPartLookWhole(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		const size = 30_000_000
		ftp.WriteFile(s.t, "big", strings.Repeat("x", size))
		s.start("gateway")
		c := s.loginTo(ftp)
		data, err := c.transfer("EPSV", "RETR big")
		require.NoError(s.t, err)
		require.NoError(s.t, c.send("QUIT"))
		moved, dataErr := io.Copy(io.Discard, data)
		_ = data.Close()
		codes := c.rest(5 * time.Second) // Pure-FTPd sends no 221 and does not close
		s.t.Logf("%d bytes (%v), replies %v", moved, dataErr, codes)
		if slices.Contains(codes, 226) && !slices.Contains(codes, 426) {
			assert.NoError(s.t, dataErr)
			assert.EqualValues(s.t, size, moved)
		}
	})
}

// A QUIT waits for the end of a transfer (RFC 959, 4.1.1), or aborts it; a
// success confirms all that the client has sent.
func TestUploadFollowedByQUITIsConfirmedOrFails(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		p := s.startLogging("gateway")
		h := s.begin(ftp, true)
		require.NoError(s.t, h.send("QUIT"))
		<-time.After(100 * time.Millisecond)
		_ = h.data.Close()
		codes := h.rest(2 * time.Second) // Pure-FTPd does not close
		h.leave()
		p.awaitLog(sessionEnded)
		lines := p.logged(transferred)
		require.Len(s.t, lines, 1)
		s.t.Logf("%v: %v", codes, lines[0])
		if lines[0][attrResult] == "ok" {
			assert.Contains(s.t, codes, 226)
			size, _ := sizeOf(ftp.Path("sent"))
			assert.EqualValues(s.t, part, size)
		} else {
			assert.NotContains(s.t, codes, 226)
		}
	})
}
