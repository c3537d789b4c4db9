package tunnel

import "time"

// When a forward that the server would not cancel is used again: once it has
// rested so long that nothing meant for its last listener can still arrive and
// no TIME_WAIT is left, or once so many are resting. Dropbear grants 20 to a
// connection.
const (
	restTime   = time.Minute
	mostRested = 16
)

// refused notes that the server has refused a free port. One that cancels none
// will grant no more: Dropbear leaves sockets behind for each that it refuses.
func (r *router) refused() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = r.stubborn
}

// exhausted reports whether it is of no use, and does harm, to ask for more.
func (r *router) exhausted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// reuse gives l a resting forward of host, the longest rested, if there is one
// that may be used again; now says that any may.
func (r *router) reuse(l *listener, host string, port uint32, now bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var best *forward
	resting := 0
	for _, f := range r.forwards {
		if f.resting.IsZero() {
			continue
		}
		resting++
		if f.host == host && (port == 0 || port == f.port) && (best == nil || f.resting.Before(best.resting)) {
			best = f
		}
	}
	// A port that was asked for by number can be had in no other way.
	now = now || port != 0 || r.full
	if best == nil || !now && resting < mostRested && time.Since(best.resting) < restTime {
		return false
	}
	best.resting = time.Time{}
	best.listener = l
	l.forward = best
	return true
}

// release gives f up: the server is asked to cancel it, and where the server
// refuses, f rests until it is used again.
func (r *router) release(f *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.listener = nil
	if r.stubborn {
		f.resting = time.Now()
		return
	}
	r.link.start(func() {
		ok, _, err := r.link.conn.SendRequest("cancel-tcpip-forward", true, f.payload())
		if ok || err != nil {
			r.remove(f)
		} else {
			r.rest(f)
		}
		close(f.released)
	})
}

// rest keeps f, which the server would not cancel.
func (r *router) rest(f *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stubborn = true
	f.resting = time.Now()
}
