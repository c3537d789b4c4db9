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

	// Wants reports whether Handle is to get events of a kind. If nil, it gets
	// all. EventsLost is always delivered.
	Wants func(Kind) bool

	// Limit is how many events may wait for Handle. What does not fit is lost,
	// and counted. It must be positive.
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

// Observe adds an observer, which gets the events that are published from now
// on. After Close it does nothing.
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

// Publish passes e to the observers. It does not wait for them.
func (s *Stream) Publish(e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	for _, q := range s.list() {
		q.add(e)
	}
}

// Flush waits until the observers have handled what has been published, at most
// for limit, and reports whether they have.
func (s *Stream) Flush(limit time.Duration) bool {
	var done []<-chan struct{}
	for _, q := range s.list() {
		done = append(done, q.mark())
	}
	return waitAll(done, limit)
}

// Close ends the stream: what is published from now on is lost. It waits until
// the observers have handled what was published before, at most for limit, and
// reports whether they have. One that has not is left behind, so that an
// observer that hangs does not keep the program from exiting.
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
	return s.observers // only ever appended to
}

// waitAll waits until all channels are closed, at most for limit.
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
