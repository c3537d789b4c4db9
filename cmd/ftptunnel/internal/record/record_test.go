package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
)

var download = events.Event{
	Kind: events.TransferEnded, Time: time.Date(2026, 11, 8, 3, 4, 5, 0, time.Local), Tunnel: "payroll", Session: 7,
	Client: "127.0.0.1:5000", Server: "ftp:21", Gateway: "gw", User: "bob",
	Transfer: ftpfwd.Transfer{
		Number: 1, Command: "RETR", File: "b c", Path: "/a/b c", Direction: ftpfwd.Download, Type: "I", Mode: "S",
		Method: "EPSV", ServerMethod: "EPSV", Bytes: 4096, Duration: 2600 * time.Millisecond, Reply: 226,
	},
}

// but returns the download with a change.
func but(change func(*events.Event)) events.Event {
	e := download
	change(&e)
	return e
}

func TestXferlogLineHasTheFormOfServers(t *testing.T) {
	for want, e := range map[string]events.Event{
		"Sun Nov  8 03:04:05 2026 3 127.0.0.1 4096 /a/b_c b _ o r bob ftp 0 * c": download,
		"Sun Nov  8 03:04:05 2026 3 127.0.0.1 4096 /a/b_c a _ i a ftp ftp 0 * i": but(func(e *events.Event) {
			e.User, e.Transfer.Command, e.Transfer.Direction, e.Transfer.Type, e.Transfer.Err = "ftp", "stor", ftpfwd.Upload, "A N", errors.New("x")
		}),
		"Sun Nov  8 03:04:05 2026 1 ::1 0 ?_x_ b _ o a anonymous ftp 0 * c": but(func(e *events.Event) {
			e.User, e.Client, e.Transfer.Path, e.Transfer.File, e.Transfer.Bytes, e.Transfer.Duration = "anonymous", "[::1]:5000", "", "?\nx\u202e", 0, 0
		}),
		"Sun Nov  8 03:04:05 2026 3 127.0.0.1 4096 /\u00e9 b _ o r ? ftp 0 * c": but(func(e *events.Event) {
			e.User, e.Transfer.Path = "", "/\u00e9"
		}),
	} {
		assert.Equal(t, want+"\n", xferlogLine(e))
	}
	for _, command := range []string{"LIST", "NLST", "MLSD"} {
		assert.Empty(t, xferlogLine(but(func(e *events.Event) { e.Transfer.Command = command })))
	}
}

// A rig is a recorder with both files.
type rig struct {
	t *testing.T
	*Recorder
	transfers, xferlog string
	published          []events.Event
}

func newRig(t *testing.T) *rig {
	dir := t.TempDir()
	r := &rig{t: t, transfers: filepath.Join(dir, "transfers"), xferlog: filepath.Join(dir, "xferlog")}
	r.Recorder = New(func(e events.Event) { r.published = append(r.published, e) })
	require.NoError(t, r.Configure(settings.Log{Transfers: r.transfers, Xferlog: r.xferlog}))
	t.Cleanup(r.Close)
	return r
}

// lines returns the lines of a file, each of which is whole.
func lines(t *testing.T, path string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, len(text) == 0 || text[len(text)-1] == '\n')
	for s := bufio.NewScanner(strings.NewReader(string(text))); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}

func TestTransferLogHasTheAttributesOfTheLog(t *testing.T) {
	r := newRig(t)
	r.handle(but(func(e *events.Event) { e.Transfer.Blame, e.Transfer.Err = ftpfwd.Server, errors.New("no") }))
	r.handle(but(func(e *events.Event) { e.Transfer.Command = "LIST" }))
	got := lines(t, r.transfers)
	require.Len(t, got, 2, "listings too")
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(got[0]), &line))
	for name, want := range map[string]any{
		"msg": "transfer", "tunnel": "payroll", "gateway": "gw", "user": "bob", "method": "EPSV", "reply": 226.0, "blame": "server",
		"error": "no", "result": "failed", "bytes": 4096.0,
	} {
		assert.Equal(t, want, line[name], name)
	}
	assert.Len(t, lines(t, r.xferlog), 1)
}

func TestFileIsOpenedAgainWhenRotatedAway(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be moved")
	}
	r := newRig(t)
	r.handle(download)
	require.NoError(t, os.Rename(r.xferlog, r.xferlog+".1"))
	r.handle(download)
	r.handle(download)
	require.NoError(t, os.Truncate(r.transfers, 0)) // copytruncate
	r.handle(download)
	assert.Len(t, lines(t, r.xferlog+".1"), 1)
	assert.Len(t, lines(t, r.xferlog), 3)
	assert.Len(t, lines(t, r.transfers), 1)
	require.NoError(t, os.Remove(r.xferlog))
	require.NoError(t, r.Configure(settings.Log{Xferlog: r.xferlog}), "as on SIGHUP")
	assert.Empty(t, lines(t, r.xferlog))
	r.handle(download)
	assert.Len(t, lines(t, r.transfers), 1, "it is not written any more")
	assert.Empty(t, r.published)
}

func TestFileThatCannotBeWrittenIsReportedOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file's directory cannot be moved")
	}
	r := newRig(t)
	dir := filepath.Dir(r.xferlog)
	require.NoError(t, os.Rename(dir, dir+"x"))
	r.handle(download)
	r.handle(download)
	require.Len(t, r.published, 2, "once for each file")
	for _, e := range r.published {
		assert.Equal(t, events.RecordFailed, e.Kind)
		assert.ErrorContains(t, e.Err, "cannot write to "+e.Path+": no such file or directory")
	}
	require.NoError(t, os.Rename(dir+"x", dir))
	r.handle(download)
	require.Len(t, r.published, 4)
	assert.Equal(t, events.RecordsResumed, r.published[3].Kind)
	assert.EqualValues(t, 2, r.published[3].Count)
	r.handle(events.Event{Kind: events.EventsDropped, Count: 5})
	assert.ErrorIs(t, r.published[4].Err, errSlow)
	r.handle(download)
	assert.EqualValues(t, 5, r.published[6].Count)
}

func TestConfigureOfFileThatCannotBeOpenedChangesNothing(t *testing.T) {
	r := newRig(t)
	var wrong *settings.Error
	err := r.Configure(settings.Log{Transfers: r.transfers + "2", Xferlog: t.TempDir()})
	require.ErrorAs(t, err, &wrong)
	assert.NotEmpty(t, wrong.Hint)
	r.handle(download)
	assert.Len(t, lines(t, r.transfers), 1)
	assert.Len(t, lines(t, r.xferlog), 1)
}
