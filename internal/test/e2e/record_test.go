//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// field returns the number that a pattern finds in what a program has printed.
func field(t *testing.T, pattern, text string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotEmpty(t, m, text)
	return m[1]
}

// Real readers of an xferlog count what was transferred, also when the file was
// rotated in the middle.
func TestReadersOfXferlogCountTheSameBytes(t *testing.T) {
	t.Parallel()
	lab.Program(t, "webalizer", "perl")
	ftpstats := lab.Unpacked(t, "proftpd-core/usr/sbin/ftpstats")
	s := throughSSHD(t)
	ftp := s.localFTP(s.Gateway)
	xferlog, transfers := lab.Home+"/xferlog", lab.Home+"/transfers"
	p := s.start("--xferlog="+xferlog, "--transfer-log="+transfers, "gateway")
	c := s.loginTo(ftp)
	_, err := c.command(257, "PWD") // which tells the tunnel the working directory
	require.NoError(t, err)
	total := 0
	for i := range 50 {
		data := random(1 + 1000*i)
		name := fmt.Sprintf("f %d", i)
		require.NoError(t, c.upload(name, data))
		require.NoError(t, c.downloads("EPSV", name, data))
		total += 2 * len(data)
		if i == 24 { // logged after the reply: wait for it
			eventually(t, "half is recorded", func() bool { return len(recorded(t, s.Client.Path(transfers))) == 50 })
			require.NoError(t, os.Rename(s.Client.Path(xferlog), s.Client.Path(xferlog)+".1"))
		}
	}
	_, err = c.transfer("EPSV", "RETR none")
	require.Error(t, err)
	require.NoError(t, c.quit())
	require.NoError(t, p.Signal(syscall.SIGTERM))
	require.NoError(t, p.Wait())

	first, err := os.ReadFile(s.Client.Path(xferlog) + ".1")
	require.NoError(t, err)
	second, err := os.ReadFile(s.Client.Path(xferlog))
	require.NoError(t, err)
	whole := filepath.Join(t.TempDir(), "xferlog")
	require.NoError(t, os.WriteFile(whole, append(first, second...), 0o600))
	assert.Equal(t, 1, strings.Count(string(second), " i\n"), "the transfer that failed")
	assert.Contains(t, string(second), " 49001 /f_49 b _ o r "+ftp.User+" ftp 0 * c\n", "the full path")

	out, err := exec.Command("perl", ftpstats, "-r", "-f", whole).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, "101", field(t, `Files Transmitted During Summary Period +(\d+)`, string(out)))
	assert.Equal(t, fmt.Sprint(total), field(t, `Bytes Transmitted During Summary Period +(\d+)`, string(out)))

	pages := t.TempDir()
	out, err = exec.Command("webalizer", "-F", "ftp", "-p", "-o", pages, "-n", "gateway", whole).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "101 records")
	state, err := os.ReadFile(filepath.Join(pages, "webalizer.current"))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint(total), field(t, `(?m)^101 \d+ \d+ \d+ \d+ \d+ (\d+) `, string(state)), "the sum of bytes in its own file")

	sum, failed := 0, 0
	for _, line := range recorded(t, s.Client.Path(transfers)) {
		sum += int(line["bytes"].(float64))
		if line["result"] == "failed" {
			failed++
			assert.Equal(t, "server", line["blame"])
			assert.EqualValues(t, 550, line["reply"])
		}
	}
	assert.Equal(t, total, sum)
	assert.Equal(t, 1, failed)
}

// recorded returns the lines of a transfer log.
func recorded(t *testing.T, path string) (transfers []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var transfer map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &transfer), line)
		transfers = append(transfers, transfer)
	}
	return transfers
}
