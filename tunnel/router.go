package tunnel

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A router requests forwards from the server (RFC 4254, section 7.1) and passes
// the forwarded-tcpip channels that the server opens (section 7.2) to their
// listeners. It replaces the Listen of package ssh, which anybody who can
// connect to a forward can block.
type router struct {
	link       *link
	unanswered unanswered // requests for a forward

	mu       sync.Mutex
	ended    bool
	forwards []*forward
	left     map[uint32]time.Time // when a listener left a port; see usedLately
	noCancel bool                 // the server rejects cancel-tcpip-forward, as Dropbear before 2026.90 does
	full     bool                 // noCancel, and the server has rejected one more forward
}

// run passes on or rejects the channels that the server opens, until the link
// ends. It never blocks on a listener or on the server.
func (r *router) run(chans <-chan ssh.NewChannel) {
	for c := range chans {
		if c.ChannelType() != "forwarded-tcpip" {
			r.reject(c, ssh.UnknownChannelType, "unknown channel type")
			continue
		}
		var to struct {
			Host           string
			Port           uint32
			Originator     string
			OriginatorPort uint32
		}
		if err := ssh.Unmarshal(c.ExtraData(), &to); err != nil {
			r.reject(c, ssh.ConnectionFailed, "malformed request")
			continue
		}
		in := incoming{c, addrOf(to.Originator, to.OriginatorPort)}
		if l := r.listenerOf(to.Host, to.Port); l == nil || !l.enqueue(in) {
			r.reject(c, ssh.Prohibited, "not expected")
		}
	}
}

// reject rejects c. It does not block.
func (r *router) reject(c ssh.NewChannel, reason ssh.RejectionReason, text string) {
	r.link.sender.add(func() { c.Reject(reason, text) })
}

// listenerOf returns the listener for a connection to host and port, or nil. The
// time for which a forward rests begins again with each connection, since the peer
// may repeat it.
func (r *router) listenerOf(host string, port uint32) *listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.find(host, port)
	if f == nil {
		return nil
	}
	if f.state == resting {
		f.settled = false
		f.rest()
	}
	return f.listener
}

// find returns the forward of host and port, or nil. Servers should send the host
// that was requested; if one sends another, the port decides. The caller holds mu.
func (r *router) find(host string, port uint32) *forward {
	var other []*forward
	for _, f := range r.forwards {
		if f.port != port {
			continue
		}
		if f.host == host {
			return f
		}
		other = append(other, f)
	}
	if len(other) == 1 {
		return other[0]
	}
	return nil
}

// add adds f. If another forward has the same address, it returns that instead.
func (r *router) add(f *forward) (other *forward) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.forwards {
		if g.host == f.host && g.port == f.port {
			return g
		}
	}
	if r.ended && f.listener != nil {
		f.listener.end(r.link.err)
	}
	r.forwards = append(r.forwards, f)
	return nil
}

func (r *router) stateOf(f *forward) forwardState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f.state
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
