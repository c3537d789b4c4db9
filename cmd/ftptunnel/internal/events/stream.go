package events

import (
	"sync"
	"time"
)

// An Observer gets the events of a [Stream].
type Observer struct {
	// Handle is called with one event at a time, in the order in which they
	// were published. It may block.
	Handle func(Event)

	// Wants reports whether to call Handle with events of a kind. If nil, it is
	// called with all. It is always called with EventsDropped.
	Wants func(Kind) bool

	// Limit is how many events may wait for Handle; further ones are dropped and
	// counted. It must be positive.
	Limit int
}

// A Stream passes events to its observers, each in a goroutine of its own. The
// zero value has no observers. Its methods may be called from several
// goroutines.
type Stream struct {
	mu        sync.Mutex
	observers []*queue
	closed    bool
}

// Observe adds an observer of the events that are published from now on. After
// Close it does nothing.
func (s *Stream) Observe(o Observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	q := &queue{observer: o, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	s.observers = append(s.observers, q)
	go q.run()
}

// Publish queues e for each observer. It does not block.
func (s *Stream) Publish(e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	for _, q := range s.list() {
		q.add(e)
	}
}

// Flush waits, for at most limit, until the observers have handled the events
// published so far. It reports whether they have.
func (s *Stream) Flush(limit time.Duration) bool {
	var done []<-chan struct{}
	for _, q := range s.list() {
		done = append(done, q.mark())
	}
	return waitAll(done, limit)
}

// Close ends the stream: later events are ignored. It waits, for at most limit,
// until the observers have handled the events published before, and reports
// whether they have. The goroutine of an observer that hangs is left behind, so
// that it does not keep the program from exiting.
func (s *Stream) Close(limit time.Duration) bool {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	var ended []<-chan struct{}
	for _, q := range s.list() {
		q.close()
		ended = append(ended, q.ended)
	}
	return waitAll(ended, limit)
}

func (s *Stream) list() []*queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observers // elements never change
}

// waitAll waits, for at most limit, until all channels are closed. It reports
// whether they are.
func waitAll(channels []<-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, c := range channels {
		select {
		case <-c:
		case <-timer.C:
			return false
		}
	}
	return true
}
