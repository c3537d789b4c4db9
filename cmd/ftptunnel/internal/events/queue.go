package events

import (
	"sync"
	"time"
)

// A queue holds the events that wait for one observer.
type queue struct {
	observer Observer
	wake     chan struct{} // has a value if there may be something to take
	ended    chan struct{} // closed when run returns

	mu      sync.Mutex
	waiting []Event
	dropped int64           // events that did not fit since the last take
	marks   []chan struct{} // to be closed when waiting has been handled
	closed  bool
}

// add appends e, or drops and counts it if the queue is full.
func (q *queue) add(e Event) {
	if q.observer.Wants != nil && !q.observer.Wants(e.Kind) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
	case len(q.waiting) >= q.observer.Limit:
		q.dropped++
	default:
		q.waiting = append(q.waiting, e)
		q.signal()
	}
}

// mark returns a channel that is closed when the events that wait now have been
// handled.
func (q *queue) mark() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return q.ended
	}
	m := make(chan struct{})
	q.marks = append(q.marks, m)
	q.signal()
	return m
}

// close makes run return when it has handled the events that wait.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run hands events to the observer until the queue is closed and empty.
func (q *queue) run() {
	defer close(q.ended)
	for range q.wake {
		events, dropped, marks, closed := q.take()
		for _, e := range events {
			q.observer.Handle(e)
		}
		if dropped > 0 { // they were published after events
			q.observer.Handle(Event{Kind: EventsDropped, Time: time.Now(), Count: dropped})
		}
		for _, m := range marks {
			close(m)
		}
		if closed {
			return // add accepts no more events
		}
	}
}

// take removes and returns everything in the queue.
func (q *queue) take() (events []Event, dropped int64, marks []chan struct{}, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, dropped, marks, closed = q.waiting, q.dropped, q.marks, q.closed
	q.waiting, q.dropped, q.marks = nil, 0, nil
	return events, dropped, marks, closed
}
