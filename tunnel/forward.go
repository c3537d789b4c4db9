package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

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

// payload is what the requests for f and to cancel it carry.
func (f *forward) payload() []byte {
	return ssh.Marshal(struct {
		Host string
		Port uint32
	}{f.host, f.port})
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
