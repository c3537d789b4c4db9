package tunnel

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// Somebody may connect to a forward that was released, for whom its listener
// waited: an FTP server that was given the address, and tries for as long as TCP
// does, which is 127 seconds on Linux. So a port is not used again before restTime
// is over, unless it is requested by number and the server has cancelled it, or
// its listener is known to be settled.
//
// A server that rejects cancel-tcpip-forward keeps listening on such a forward,
// which rests meanwhile. At most maxResting rest for a host: Dropbear grants 20 to
// a connection, and leaks a socket for each further one that it rejects. Then one
// whose listener was settled is used again before its time. Any other server may
// choose the port again; maxEarly is how often it may do that in a row.
const (
	restTime   = 3 * time.Minute
	maxResting = 16
	maxEarly   = 4
)

// errResting is wrapped by the error of Listen if no forward can be used yet.
var errResting = errors.New("no port of the gateway is free: it does not close those that were used, and each must rest")

// rest makes f rest, from now.
func (f *forward) rest() {
	f.state = resting
	f.since = time.Now()
}

// rested reports whether f may be used again.
func (f *forward) rested() bool { return f.state == resting && time.Since(f.since) >= restTime }

// restError returns the error for a forward that may not be requested or used.
func restError(f *forward) error {
	return fmt.Errorf("listen on %v: %w for %v", addrOf(f.host, f.port), errResting, restTime)
}

// portRejected records that the server has rejected a forward of a free port.
// If it does not cancel forwards, it will not grant one again.
func (r *router) portRejected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = r.noCancel
}

// mayRequest reports whether to request another forward of host.
func (r *router) mayRequest(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.exhausted(host)
}

// exhausted reports whether the server will grant no further forward of host, or
// should not be asked to. The caller holds mu.
func (r *router) exhausted(host string) bool {
	n := 0
	for _, f := range r.forwards {
		if f.state == resting && f.host == host {
			n++
		}
	}
	return r.full || n >= maxResting
}

// reuse gives l the forward of host that has rested the longest, and reports
// whether there was one that has rested enough. With port 0 any port will do.
func (r *router) reuse(l *listener, host string, port uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	early := port == 0 && r.exhausted(host)
	var oldest *forward
	for _, f := range r.forwards {
		usable := f.rested() || early && f.state == resting && f.settled
		if usable && f.host == host && (port == 0 || port == f.port) && (oldest == nil || f.since.Before(oldest.since)) {
			oldest = f
		}
	}
	if oldest == nil {
		return false
	}
	oldest.state, oldest.settled = inUse, false
	oldest.listener = l
	l.forward = oldest
	return true
}

// usedLately reports whether a listener was at port a moment ago.
func (r *router) usedLately(port uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	left, ok := r.left[port]
	return ok && time.Since(left) < restTime
}

// noteLeft records that a listener has left port. The caller holds mu.
func (r *router) noteLeft(port uint32) {
	if r.left == nil {
		r.left = make(map[uint32]time.Time)
	}
	maps.DeleteFunc(r.left, func(_ uint32, left time.Time) bool { return time.Since(left) >= restTime })
	r.left[port] = time.Now()
}

// release gives f up. It sends cancel-tcpip-forward, unless the server is known to
// reject that.
func (r *router) release(f *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.listener = nil
	if !f.settled {
		r.noteLeft(f.port)
	}
	if r.noCancel {
		f.rest()
		return
	}
	f.state = cancelling
	r.link.start(func() {
		ok, _, err := r.link.request("cancel-tcpip-forward", f.payload())
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
	f.rest()
}
