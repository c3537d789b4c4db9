package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// When a forward that the server would not cancel is used again: once it has
// rested so long that nothing meant for its last listener can still arrive and
// no TIME_WAIT is left, or once so many are resting. Dropbear grants 20 to a
// connection.
const (
	restTime   = time.Minute
	mostRested = 16
)

// A router asks the server for forwards (RFC 4254, 7.1) and hands the
// connections that arrive on them (7.2) to their listeners. It takes the place
// of the ssh package's Listen, which anybody who can connect to a forward can
// bring to a stop.
type router struct {
	link *link

	mu       sync.Mutex
	ended    bool
	forwards []*forward
	stubborn bool // the server refuses to cancel: Dropbear before 2026.90 does
	full     bool // and has refused to grant one more
}

// A forward is an address on which the server listens for us.
type forward struct {
	host     string
	port     uint32
	listener *listener     // nil if nobody listens
	resting  time.Time     // since when it can be used again; zero if it cannot
	released chan struct{} // closed when the server has answered the request to cancel
}

func newForward(host string, port uint32, l *listener) *forward {
	return &forward{host: host, port: port, listener: l, released: make(chan struct{})}
}

// run routes what the server opens until the link ends. It never blocks.
func (r *router) run(chans <-chan ssh.NewChannel) {
	for c := range chans {
		if c.ChannelType() != "forwarded-tcpip" {
			r.refuse(c, ssh.UnknownChannelType, "unknown channel type")
			continue
		}
		var to struct {
			Host           string
			Port           uint32
			Originator     string
			OriginatorPort uint32
		}
		if err := ssh.Unmarshal(c.ExtraData(), &to); err != nil {
			r.refuse(c, ssh.ConnectionFailed, "malformed request")
			continue
		}
		a := arrival{c, addrOf(to.Originator, to.OriginatorPort)}
		if l := r.find(to.Host, to.Port); l == nil || !l.offer(a) {
			r.reject(c, "not expected")
		}
	}
}

// reject turns a connection away, in the background.
func (r *router) reject(c ssh.NewChannel, why string) { r.refuse(c, ssh.Prohibited, why) }

func (r *router) refuse(c ssh.NewChannel, reason ssh.RejectionReason, why string) {
	r.link.start(func() { c.Reject(reason, why) })
}

// find returns the listener for host and port, or nil. Servers send back the
// host as it was asked for; for one that sends another, the port decides.
func (r *router) find(host string, port uint32) *listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	var other []*forward
	for _, f := range r.forwards {
		if f.port != port {
			continue
		}
		if f.host == host {
			return f.listener
		}
		other = append(other, f)
	}
	if len(other) == 1 {
		return other[0].listener
	}
	return nil
}

// listen asks the server to listen on host and port; port 0 takes a free one.
func (r *router) listen(ctx context.Context, host string, port uint32) (*listener, error) {
	l := newListener(r.link)
	for !r.reuse(l, host, port, false) {
		f := newForward(host, port, l)
		other := (*forward)(nil)
		if port != 0 {
			// Connections may arrive before the answer does.
			other = r.add(f)
		}
		if other == nil {
			l.forward = f
			if r.exhausted() {
				r.remove(f)
				return nil, denied(f)
			}
			return l, r.obtain(ctx, l)
		}
		if !r.abandoned(other) {
			return nil, fmt.Errorf("listen on %v: %w", addrOf(host, port), syscall.EADDRINUSE)
		}
		select {
		case <-other.released:
		case <-ctx.Done():
			return nil, unanswered(ctx, f)
		case <-r.link.done:
			return nil, r.link.err
		}
	}
	return l, nil
}

// obtain has l's forward requested, and waits for the answer until ctx is
// done. A forward that is granted later is given up again.
func (r *router) obtain(ctx context.Context, l *listener) error {
	f := l.forward
	granted := make(chan error)
	ask := func() {
		err := r.request(l)
		select {
		case granted <- err:
			return
		case <-ctx.Done():
		case <-r.link.done:
		}
		if err == nil {
			l.Close()
		}
	}
	if !r.link.start(ask) {
		return r.link.err
	}
	select {
	case err := <-granted:
		return err
	case <-ctx.Done():
		return unanswered(ctx, f)
	case <-r.link.done:
		return r.link.err
	}
}

func unanswered(ctx context.Context, f *forward) error {
	return fmt.Errorf("no answer to the request to listen on %s: %w", addrOf(f.host, f.port), context.Cause(ctx))
}

// request sends the request for l's forward and waits for the answer, for which
// there is no time limit but the end of the link.
func (r *router) request(l *listener) error {
	f := l.forward
	ok, answer, err := r.link.conn.SendRequest("tcpip-forward", true, f.payload())
	switch {
	case err != nil:
		<-r.link.done
		return r.link.err
	case !ok || f.port == 0 && len(answer) < 4:
		r.remove(f)
		if f.port == 0 {
			r.refused()
		}
		if r.reuse(l, f.host, f.port, true) {
			return nil
		}
		return denied(f)
	case f.port == 0:
		l.forward = newForward(f.host, binary.BigEndian.Uint32(answer), l)
		if other := r.add(l.forward); other != nil {
			// The server has cancelled the other, and its answer is being read.
			r.remove(other)
			r.add(l.forward)
		}
	}
	return nil
}

func denied(f *forward) error {
	address := net.JoinHostPort(f.host, strconv.Itoa(int(f.port)))
	return &OpenError{Listen: true, Address: address, Err: errors.New("request denied")}
}

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

// add adds f, unless another has its address, which it returns.
func (r *router) add(f *forward) (other *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.forwards {
		if g.host == f.host && g.port == f.port {
			return g
		}
	}
	if r.ended {
		f.listener.end(r.link.err)
	}
	r.forwards = append(r.forwards, f)
	return nil
}

// abandoned reports whether nobody listens on f any more.
func (r *router) abandoned(f *forward) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f.listener == nil
}

func (r *router) remove(f *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forwards = slices.DeleteFunc(r.forwards, func(g *forward) bool { return g == f })
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

// end ends all listeners.
func (r *router) end(cause error) {
	var listeners []*listener
	r.mu.Lock()
	r.ended = true
	for _, f := range r.forwards {
		if f.listener != nil {
			listeners = append(listeners, f.listener)
		}
	}
	r.mu.Unlock()
	for _, l := range listeners {
		l.end(cause)
	}
}

// payload is what the requests for f and to cancel it carry.
func (f *forward) payload() []byte {
	return ssh.Marshal(struct {
		Host string
		Port uint32
	}{f.host, f.port})
}
