package tunnel

import (
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
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
