package ftpfwd

import "time"

// alarms are the things that a session does after a while. They ring in the
// session's own goroutine. The zero value has none.
type alarms struct {
	set   map[any]alarm
	timer *time.Timer
}

type alarm struct {
	at   time.Time
	ring func()
}

// in sets the alarm of key, a name or what the alarm is about, to ring after d,
// instead of an earlier one of that key.
func (a *alarms) in(key any, d time.Duration, ring func()) {
	if a.set == nil {
		a.set = make(map[any]alarm)
	}
	a.set[key] = alarm{time.Now().Add(d), ring}
}

// keep is like in, but leaves an alarm of that key as it is.
func (a *alarms) keep(key any, d time.Duration, ring func()) {
	if _, ok := a.set[key]; !ok {
		a.in(key, d, ring)
	}
}

func (a *alarms) cancel(key any) { delete(a.set, key) }

func (a *alarms) clear() { clear(a.set) }

// next returns a channel that delivers when the first alarm is due; it never
// does if there is none. It is good until the next call.
func (a *alarms) next() <-chan time.Time {
	a.stop()
	var first time.Time
	for _, m := range a.set {
		if first.IsZero() || m.at.Before(first) {
			first = m.at
		}
	}
	if first.IsZero() {
		return nil
	}
	a.timer = time.NewTimer(time.Until(first))
	return a.timer.C
}

// ring rings what is due.
func (a *alarms) ring() {
	now := time.Now()
	for key, m := range a.set {
		if !m.at.After(now) {
			delete(a.set, key)
			m.ring()
		}
	}
}

func (a *alarms) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
