// Package tally counts the files that are transferred: a view of package events for
// scripts, which must know the truth when one failed.
package tally

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/ftpfwd"
)

// limit is how many events may wait to be counted. They are counted faster than
// sessions publish them.
const limit = 1 << 20

// A Tally counts. The zero value has counted nothing. Its methods may be called from
// several goroutines.
type Tally struct {
	mu     sync.Mutex
	count  Count
	failed map[file]bool // transfers whose last attempt failed
	lost   bool          // events were dropped: the count is not known
}

// A file is what a transfer is about: an attempt that succeeds mends one that failed.
// Where the full path is not known, every transfer is about another file: two of
// the same name may be in different directories.
type file struct {
	direction          ftpfwd.Direction
	server, user, path string
	session, number    int64 // of a transfer whose path is not known
}

// A Count is how many files were transferred. Listings do not count.
type Count struct {
	Up, Down int   // that succeeded
	Bytes    int64 // of those that succeeded
	Failed   int   // that failed, and were not transferred later
}

// Observer returns an observer that counts transfers.
func (t *Tally) Observer() events.Observer {
	return events.Observer{
		Limit:  limit,
		Wants:  func(k events.Kind) bool { return k == events.TransferEnded },
		Handle: t.add,
	}
}

func (t *Tally) add(e events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	transfer := e.Transfer
	switch {
	case e.Kind == events.EventsDropped:
		t.lost = true
		return
	case e.Kind != events.TransferEnded || !transfer.MovesFile():
		return
	}
	of := file{direction: transfer.Direction, server: e.Server, user: e.User, path: transfer.Path}
	if of.path == "" {
		of.session, of.number = e.Session, transfer.Number
	}
	if transfer.Err != nil {
		if t.failed == nil {
			t.failed = map[file]bool{}
		}
		t.failed[of] = true
		return
	}
	delete(t.failed, of)
	t.count.Bytes += transfer.Bytes
	if transfer.Direction == ftpfwd.Upload {
		t.count.Up++
	} else {
		t.count.Down++
	}
}

// Count returns what has been counted. ok is false if it is not known.
func (t *Tally) Count() (c Count, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c = t.count
	c.Failed = len(t.failed)
	return c, !t.lost
}

// ErrUnknown reports that transfers were not counted.
var ErrUnknown = errors.New("the transfers could not be counted")

// A ShortError reports that fewer files were transferred than required.
type ShortError struct {
	Count    Count
	Required int
}

func (e *ShortError) Error() string {
	switch done := e.Count.Up + e.Count.Down; {
	case e.Count.Failed > 0:
		return fmt.Sprintf("the command reported success, but %s failed", wording.Count(e.Count.Failed, "transfer"))
	case done == 0:
		return "the command reported success, but transferred no file"
	default:
		return fmt.Sprintf("the command reported success, but transferred %s of at least %d", wording.Count(done, "file"), e.Required)
	}
}

// Check returns a [*ShortError] if a transfer failed, or fewer than required
// succeeded.
func (c Count) Check(required int) error {
	if c.Failed > 0 || c.Up+c.Down < required {
		return &ShortError{c, required}
	}
	return nil
}

// Summary returns c and the time that it took as one line for people.
func (c Count) Summary(took time.Duration) string {
	var parts []string
	if c.Up > 0 || c.Down == 0 {
		parts = append(parts, wording.Count(c.Up, "file")+" up")
	}
	if c.Down > 0 {
		parts = append(parts, wording.Count(c.Down, "file")+" down")
	}
	parts = append(parts, size(c.Bytes), fmt.Sprintf("%d failed", c.Failed), took.Round(time.Second).String())
	return strings.Join(parts, ", ")
}

// size returns a number of bytes in decimal units.
func size(bytes int64) string {
	value, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for ; value >= 999.5 && i < len(units)-1; i++ {
		value /= 1000
	}
	if i > 0 && value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, units[i])
	}
	return fmt.Sprintf("%.0f %s", value, units[i])
}
