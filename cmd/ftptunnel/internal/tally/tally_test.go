package tally

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/ftpfwd"
)

// of returns the end of a transfer.
func of(command, path string, bytes int64, err error) events.Event {
	direction := ftpfwd.Download
	if command != "RETR" && command != "LIST" {
		direction = ftpfwd.Upload
	}
	return events.Event{Kind: events.TransferEnded, Server: "ftp:21", User: "bob", Transfer: ftpfwd.Transfer{
		Command: command, Path: path, Direction: direction, Bytes: bytes, Err: err,
	}}
}

func counted(all ...events.Event) Count {
	var t Tally
	for _, e := range all {
		t.add(e)
	}
	c, _ := t.Count()
	return c
}

func TestTallyCountsFilesAndNotListings(t *testing.T) {
	wrong := errors.New("550")
	assert.Equal(t, Count{}, counted())
	assert.Equal(t, Count{Up: 3, Down: 1, Bytes: 10}, counted(
		of("STOR", "/a", 1, nil), of("APPE", "/a", 2, nil), of("stou", "/b", 3, nil), of("RETR", "/a", 4, nil), of("LIST", "", 100, nil),
	))
	assert.Equal(t, Count{Failed: 1}, counted(of("RETR", "/a", 4, wrong), of("LIST", "/a", 1, wrong)))
}

func TestTransferThatSucceedsLaterHasNotFailed(t *testing.T) {
	wrong := errors.New("426")
	assert.Equal(t, Count{Up: 1, Bytes: 4}, counted(of("STOR", "/a", 2, wrong), of("STOR", "/a", 3, wrong), of("APPE", "/a", 4, nil)))
	assert.Equal(t, Count{Down: 1, Bytes: 4, Failed: 1}, counted(of("STOR", "/a", 2, wrong), of("RETR", "/a", 4, nil)), "another direction")
	assert.Equal(t, Count{Up: 1, Bytes: 4, Failed: 1}, counted(of("STOR", "/a", 2, wrong), of("STOR", "/b", 4, nil)), "another file")
	assert.Equal(t, Count{Up: 1, Bytes: 4, Failed: 1}, counted(of("STOR", "/a", 4, nil), of("STOR", "/a", 2, wrong)), "it fails later")
}

// Two directories may have files of the same name.
func TestTransferOfUnknownPathIsMendedByNone(t *testing.T) {
	failed, succeeded := of("STOR", "", 0, errors.New("553")), of("STOR", "", 4, nil)
	failed.Transfer.File, failed.Transfer.Number = "h", 1
	succeeded.Transfer.File, succeeded.Transfer.Number = "h", 2
	assert.Equal(t, Count{Up: 1, Bytes: 4, Failed: 1}, counted(failed, succeeded))
	again := failed
	again.Session, again.Transfer.Number = 2, 1
	assert.Equal(t, Count{Failed: 2}, counted(failed, again))
}

func TestCountOfDroppedEventsIsNotKnown(t *testing.T) {
	var tally Tally
	_, ok := tally.Count()
	assert.True(t, ok)
	tally.add(events.Event{Kind: events.EventsDropped, Count: 1})
	_, ok = tally.Count()
	assert.False(t, ok)
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	assert.NoError(t, Count{}.Check(0))
	assert.NoError(t, Count{Up: 1, Down: 1}.Check(2))
	assert.EqualError(t, Count{}.Check(1), "the command reported success, but transferred no file")
	assert.EqualError(t, Count{Up: 1, Down: 1}.Check(3), "the command reported success, but transferred 2 files of at least 3")
	assert.EqualError(t, Count{Up: 9, Failed: 1}.Check(0), "the command reported success, but 1 transfer failed")
	assert.EqualError(t, Count{Up: 9, Failed: 2}.Check(1), "the command reported success, but 2 transfers failed")
}

func TestSummaryIsOneLine(t *testing.T) {
	assert.Equal(t, "12 files up, 340 MB, 0 failed, 41s", Count{Up: 12, Bytes: 340_000_000}.Summary(41*time.Second))
	assert.Equal(t, "1 file up, 2 files down, 9.9 kB, 3 failed, 1m1s", Count{Up: 1, Down: 2, Bytes: 9_900, Failed: 3}.Summary(60500*time.Millisecond))
	assert.Equal(t, "1 file down, 999 B, 0 failed, 0s", Count{Down: 1, Bytes: 999}.Summary(0))
	assert.Equal(t, "0 files up, 0 B, 0 failed, 2s", Count{}.Summary(2*time.Second))
	for bytes, want := range map[int64]string{999_499: "999 kB", 999_500: "1.0 MB", 9_949_999: "9.9 MB", 9_960_000: "10 MB", 1e18: "1000 PB"} {
		assert.Equal(t, want, size(bytes))
	}
}
