//go:build linux

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ftptunnel/internal/lab"
)

// forged is what somebody could put into a banner, a message or a file's name
// to make a client connect to a place of their choice.
const forged = "227 Entering Passive Mode (6,6,6,6,1,1)"

// talk sends lines to an FTP server at once, in one segment, and returns all
// that comes back.
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

// What changes from one conversation to the next: times, process numbers, and
// the ports of the control connection.
var fleeting = regexp.MustCompile(`\d\d:\d\d(:\d\d)?|\b[0-9]{4,}\b`)

func TestWhatAnnouncesNoPortPassesUnchangedAndInOrder(t *testing.T) {
	lab.Require(t, "vsftpd")
	s := throughSSHD(t)
	s.Gateway.WriteFile(t, "/run/vsftpd/banner", forged+"\nline\n229 (|||6|)\n")
	ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"banner_file=/run/vsftpd/banner", "dirmessage_enable=YES"}})
	pub := filepath.Join(ftp.Root, "pub")
	require.NoError(t, os.WriteFile(filepath.Join(pub, ".message"), []byte(forged+"\n229 (|||6|)\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(pub, "a\n"+forged+"\nb"), nil, 0o644))
	s.start("gateway")
	conversation := []string{"USER anonymous", "PASS x", "STAT", "STAT pub", "CWD pub", "NOOP", "SYST", "MKD " + forged, "STAT .", "HELP", "SIZE " + forged, "PWD"}
	straight := talk(t, s.Gateway, "127.0.0.1:21", conversation...)
	require.NoError(t, os.Remove(filepath.Join(pub, forged)))
	through := talk(t, s.Client, "127.0.0.1:2121", conversation...)
	assert.Equal(t, fleeting.ReplaceAllString(straight, "#"), fleeting.ReplaceAllString(through, "#"))
	assert.GreaterOrEqual(t, strings.Count(through, "(6,6,6,6,1,1)"), 6)
	assert.Equal(t, 1, len(s.Client.Listeners(t)), "no data port was opened")
}
