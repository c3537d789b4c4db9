package ftpfwd

import (
	"slices"
	"time"
)

// A timer runs a function of its session after a while. The zero value is not
// running. Whatever has a time limit holds its own timer.
type timer struct {
	at   time.Time
	fire func()
}

// timers runs the timers of a session in the session's own goroutine. The zero
// value has none.
type timers struct {
	running []*timer
	clock   *time.Timer
}

// start makes t call fire after d. If t is running already, it starts anew.
func (ts *timers) start(t *timer, d time.Duration, fire func()) {
	ts.stop(t)
	t.at, t.fire = time.Now().Add(d), fire
	ts.running = append(ts.running, t)
}

// startOnce is start, but leaves a running timer as it is.
func (ts *timers) startOnce(t *timer, d time.Duration, fire func()) {
	if !slices.Contains(ts.running, t) {
		ts.start(t, d, fire)
	}
}

// stop stops t if it is running.
func (ts *timers) stop(t *timer) {
	ts.running = slices.DeleteFunc(ts.running, func(other *timer) bool { return other == t })
}

// stopAll stops every timer.
func (ts *timers) stopAll() { ts.running = nil }

// next returns a channel that delivers when the first timer is due, or nil if
// none is running. It is valid until the next call.
func (ts *timers) next() <-chan time.Time {
	ts.close()
	if len(ts.running) == 0 {
		return nil
	}
	first := slices.MinFunc(ts.running, func(a, b *timer) int { return a.at.Compare(b.at) })
	ts.clock = time.NewTimer(time.Until(first.at))
	return ts.clock.C
}

// fire calls the functions that are due, the earliest first.
func (ts *timers) fire() {
	now := time.Now()
	for {
		var due *timer
		for _, t := range ts.running {
			if !t.at.After(now) && (due == nil || t.at.Before(due.at)) {
				due = t
			}
		}
		if due == nil {
			return
		}
		ts.stop(due)
		due.fire()
	}
}

// close releases the clock.
func (ts *timers) close() {
	if ts.clock != nil {
		ts.clock.Stop()
	}
}
