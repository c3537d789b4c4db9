package tunnel

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// A recorder records the events of a tunnel.
type recorder struct {
	mu     sync.Mutex
	events []Event
	more   chan struct{}
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{}, 1)} }

func (w *recorder) observe(e Event) {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// of returns the events of kind so far.
func (w *recorder) of(kind EventKind) (found []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// wait waits for the nth event of kind, counted from one, and returns it.
func (w *recorder) wait(t *testing.T, kind EventKind, n int) Event {
	t.Helper()
	late := time.After(testTimeout)
	for {
		if found := w.of(kind); len(found) >= n {
			return found[n-1]
		}
		select {
		case <-w.more:
		case <-late:
			t.Fatalf("no event %d of kind %d; there were %+v", n, kind, w.events)
		}
	}
}

func (w *recorder) warnings() string {
	var lines []string
	for _, e := range w.of(Warning) {
		lines = append(lines, e.Err.Error())
	}
	return strings.Join(lines, "\n")
}
