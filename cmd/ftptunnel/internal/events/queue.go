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
	lost    int64           // events that did not fit since the last take
	marks   []chan struct{} // to close when what waits has been handled
	closed  bool
}

// add appends e, or counts it if there is no room.
func (q *queue) add(e Event) {
	if q.observer.Wants != nil && !q.observer.Wants(e.Kind) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
	case len(q.waiting) >= q.observer.Limit:
		q.lost++
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

// close makes run return once it has handled what waits.
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
		events, lost, marks, closed := q.take()
		for _, e := range events {
			q.observer.Handle(e)
		}
		if lost > 0 { // after those that were published before them
			q.observer.Handle(Event{Kind: EventsLost, Time: time.Now(), Count: lost})
		}
		for _, m := range marks {
			close(m)
		}
		if closed {
			return // add accepts nothing any more
		}
	}
}

// take empties the queue.
func (q *queue) take() (events []Event, lost int64, marks []chan struct{}, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, lost, marks, closed = q.waiting, q.lost, q.marks, q.closed
	q.waiting, q.lost, q.marks = nil, 0, nil
	return events, lost, marks, closed
}
