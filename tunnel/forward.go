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

// A forward is an address on which the server listens for this client (RFC
// 4254, section 7.1).
type forward struct {
	host      string
	port      uint32
	state     forwardState
	listener  *listener     // while in use
	settled   bool          // nobody who knows its last listener's address will connect any more
	since     time.Time     // of resting: when it was last used, or somebody connected
	cancelled chan struct{} // closed when cancelling is over
}

// A forwardState is what the server does with a forward. The router's lock guards
// it.
type forwardState int

const (
	inUse      forwardState = iota // or will, once it grants the request
	cancelling                     // it was sent cancel-tcpip-forward
	resting                        // it would not cancel the forward; see restTime
)

func newForward(host string, port uint32, l *listener) *forward {
	return &forward{host: host, port: port, listener: l, cancelled: make(chan struct{})}
}

// payload returns the data of tcpip-forward and cancel-tcpip-forward.
func (f *forward) payload() []byte {
	return ssh.Marshal(struct {
		Host string
		Port uint32
	}{f.host, f.port})
}

// listen has the server listen on host and port; with port 0 the server chooses
// a free one.
func (r *router) listen(ctx context.Context, host string, port uint32) (*listener, error) {
	l := newListener(r.link)
	for !r.reuse(l, host, port) {
		f := newForward(host, port, l)
		if !r.mayRequest(host) {
			return nil, restError(f)
		}
		other := (*forward)(nil)
		if port != 0 {
			// Channels may arrive before the reply does.
			other = r.add(f)
		}
		if other == nil {
			l.forward = f
			return l, r.obtain(ctx, l)
		}
		switch r.stateOf(other) {
		case inUse:
			return nil, fmt.Errorf("listen on %v: %w", addrOf(host, port), syscall.EADDRINUSE)
		case resting:
			return nil, restError(f)
		}
		select {
		case <-other.cancelled:
		case <-ctx.Done():
			return nil, listenTimeout(ctx, f)
		case <-r.link.done:
			return nil, r.link.err
		}
	}
	return l, nil
}

// obtain requests the forward of l and waits for the reply until ctx is done.
// If the reply comes later, it cancels the forward.
func (r *router) obtain(ctx context.Context, l *listener) error {
	f := l.forward
	if err := r.link.mayAsk(&r.unanswered); err != nil {
		r.remove(f)
		return fmt.Errorf("listen on %v: %w", addrOf(f.host, f.port), err)
	}
	granted := make(chan error)
	var q question
	ask := func() {
		err := r.request(l)
		r.unanswered.answer(&q)
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
		r.unanswered.giveUp(&q)
		return listenTimeout(ctx, f)
	case <-r.link.done:
		return r.link.err
	}
}

// request requests the forward of l and returns when the server has replied or
// the link has ended. A port that was used a moment ago does not count: it is
// kept, without a listener, until the server has chosen another.
func (r *router) request(l *listener) error {
	wanted := l.forward
	var early []*forward
	defer func() {
		for _, f := range early {
			r.release(f)
		}
	}()
	for range maxEarly {
		port, err := r.ask(wanted)
		switch {
		case err != nil:
			return err
		case wanted.port != 0:
			return nil
		case !r.usedLately(port):
			l.forward = newForward(wanted.host, port, l)
			r.replace(l.forward)
			return nil
		}
		f := newForward(wanted.host, port, nil)
		r.replace(f)
		early = append(early, f)
	}
	return restError(wanted)
}

// ask requests f, and returns the port that the server has granted.
func (r *router) ask(f *forward) (port uint32, err error) {
	ok, reply, err := r.link.request("tcpip-forward", f.payload())
	switch {
	case err == errNoRequests:
		r.remove(f)
		return 0, listenError(f)
	case err != nil:
		<-r.link.done
		return 0, r.link.err
	case !ok || f.port == 0 && len(reply) < 4:
		r.remove(f)
		if f.port == 0 {
			r.portRejected()
		}
		return 0, listenError(f)
	case f.port == 0:
		return binary.BigEndian.Uint32(reply), nil
	}
	return f.port, nil
}

// replace adds f. If another forward has the same address, the server has
// cancelled that, and its reply is not processed yet.
func (r *router) replace(f *forward) {
	if other := r.add(f); other != nil {
		r.remove(other)
		r.add(f)
	}
}

func listenError(f *forward) error {
	address := net.JoinHostPort(f.host, strconv.Itoa(int(f.port)))
	return &OpenError{Listen: true, Address: address, Err: errors.New("request denied")}
}

func listenTimeout(ctx context.Context, f *forward) error {
	return fmt.Errorf("no answer to the request to listen on %s: %w", addrOf(f.host, f.port), context.Cause(ctx))
}
