package tunnel

import "time"

// A server that rejects cancel-tcpip-forward keeps listening on a released
// forward. Such a forward is used again after reuseAfter, when no channel meant
// for its last listener can arrive any more and no TIME_WAIT is left, or when
// maxIdle forwards are idle. Dropbear grants 20 to a connection.
const (
	reuseAfter = time.Minute
	maxIdle    = 16
)

// portRejected records that the server has rejected a forward of a free port.
// If it does not cancel forwards, it will not grant one again. Dropbear leaks a
// socket for each that it rejects.
func (r *router) portRejected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = r.noCancel
}

// isFull reports whether a request for another forward would be of no use.
func (r *router) isFull() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// reuse gives l the forward of host that has been idle the longest, and reports
// whether there was one that may be used again. If now is true, any idle
// forward may be.
func (r *router) reuse(l *listener, host string, port uint32, now bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var oldest *forward
	idle := 0
	for _, f := range r.forwards {
		if f.idleSince.IsZero() {
			continue
		}
		idle++
		if f.host == host && (port == 0 || port == f.port) && (oldest == nil || f.idleSince.Before(oldest.idleSince)) {
			oldest = f
		}
	}
	// There is no other way to a port that is requested by number.
	now = now || port != 0 || r.full
	if oldest == nil || !now && idle < maxIdle && time.Since(oldest.idleSince) < reuseAfter {
		return false
	}
	oldest.idleSince = time.Time{}
	oldest.listener = l
	l.forward = oldest
	return true
}

// release gives f up. It sends cancel-tcpip-forward, unless the server is known to
// reject that.
func (r *router) release(f *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.listener = nil
	if r.noCancel {
		f.idleSince = time.Now()
		return
	}
	r.link.start(func() {
		ok, _, err := r.link.conn.SendRequest("cancel-tcpip-forward", true, f.payload())
		if ok || err != nil {
			r.remove(f)
		} else {
			r.keep(f)
		}
		close(f.cancelled)
	})
}

// keep keeps f, which the server did not cancel, for later use.
func (r *router) keep(f *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noCancel = true
	f.idleSince = time.Now()
}
