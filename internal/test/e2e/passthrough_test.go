//go:build linux

package e2e

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// forged is a text that an attacker could put into a banner, a message or the
// name of a file to make a client connect to a host of the attacker's choice.
const forged = "227 Entering Passive Mode (6,6,6,6,1,1)"

// talk sends lines to an FTP server in one segment and returns all that it
// answers.
func talk(t *testing.T, h *lab.Host, address string, lines ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := h.DialContext(ctx, "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, err = io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\nQUIT\r\n")
	require.NoError(t, err)
	all, err := io.ReadAll(conn)
	require.NoError(t, err, "%q", all)
	return string(all)
}

// varying is what differs from one conversation to the next: times, process
// ids, the ports of control connections, and whether an earlier client is gone.
var varying = regexp.MustCompile(`client count was \d+|user number \d+|\d\d:\d\d(:\d\d)?|\b[0-9]{4,}\b`)

func TestRepliesThatAnnounceNoPortPassUnchangedAndInOrder(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		ftp.WriteFile(s.t, "a\n"+forged+"\nb", "")
		ftp.WriteFile(s.t, "c", "")
		s.start("gateway")
		conversation := []string{
			"USER " + ftp.User, "PASS " + ftp.Password, "STAT", "STAT .", "NOOP", "SYST", "CWD " + forged, "RNFR c", "RNTO " + forged,
			"STAT .", "HELP", "SIZE " + forged, "MLST " + forged, "RNFR " + forged, "RNTO c", "PWD",
		}
		direct := talk(s.t, s.Gateway, "127.0.0.1:21", conversation...)
		through := talk(s.t, s.Client, address, conversation...)
		assert.Equal(s.t, varying.ReplaceAllString(direct, "#"), varying.ReplaceAllString(through, "#"))
		assert.Contains(s.t, through, forged)
		assert.Empty(s.t, s.dataPorts(), "no data port was opened")
	})
}

func TestBannersThatLookLikeAnnouncementsPassUnchanged(t *testing.T) {
	lab.Require(t, "vsftpd")
	s := throughSSHD(t)
	s.Gateway.WriteFile(t, "/run/vsftpd/banner", forged+"\nline\n229 (|||6|)\n")
	ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"banner_file=/run/vsftpd/banner", "dirmessage_enable=YES"}})
	ftp.WriteFile(t, ".message", forged+"\n229 (|||6|)\n")
	s.start("gateway")
	conversation := []string{"USER anonymous", "PASS x", "CWD pub", "NOOP"}
	direct := talk(t, s.Gateway, "127.0.0.1:21", conversation...)
	through := talk(t, s.Client, address, conversation...)
	assert.Equal(t, direct, through)
	assert.Equal(t, 2, strings.Count(through, forged))
	assert.Empty(t, s.dataPorts(), "no data port was opened")
}
