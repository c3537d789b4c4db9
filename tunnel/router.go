package tunnel

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	backlog    = 16          // connections of a forward that nobody has accepted
	restAtMost = 64          // forwards that the server does not cancel
	restTime   = time.Minute // how long one rests before it serves again
)

// A router hands the connections of remote forwards (forwarded-tcpip, RFC 4254,
// 7.2) to their listeners. It takes the place of the one in package ssh, which
// a stranger's connections to a forward that nobody accepts from can bring to a
// halt, and the whole SSH connection with it. The zero value is ready for use.
type router struct {
	mu       sync.Mutex
	forwards map[forwardKey]*listener
	resting  []restingForward // longest first
	closed   bool
}

// A forwardKey is a forward as the server names it.
type forwardKey struct {
	host string // as it was asked for
	port uint32
}

// A restingForward is one that we no longer want but the server did not cancel,
// as Dropbear before 2026.90 never does. It is used again: later, because the
// FTP server's side of an old data connection may occupy the pair of ports.
type restingForward struct {
	key   forwardKey
	since time.Time
}

// route takes an incoming channel.
func (r *router) route(l *link, c ssh.NewChannel) {
	var m struct {
		Host       string
		Port       uint32
		Originator string
		OriginPort uint32
	}
	if c.ChannelType() != "forwarded-tcpip" || ssh.Unmarshal(c.ExtraData(), &m) != nil {
		_ = c.Reject(ssh.UnknownChannelType, "unknown channel type")
		return
	}
	r.mu.Lock()
	to := r.forwards[forwardKey{m.Host, m.Port}]
	r.mu.Unlock()
	if to == nil || !to.reserve() {
		_ = c.Reject(ssh.ConnectionFailed, "nobody listens")
		return
	}
	channel, requests, err := c.Accept()
	if err != nil {
		to.deliver(nil)
		return
	}
	to.deliver(l.newConn(channel, requests, to.addr, &net.TCPAddr{IP: net.ParseIP(m.Originator), Port: int(m.OriginPort)}))
}

// listen asks the server to listen on address (tcpip-forward, RFC 4254, 7.1).
func (l *link) listen(ctx context.Context, address string) (*listener, error) {
	host, port, err := splitPort(address)
	if err != nil {
		return nil, err
	}
	key := forwardKey{host, port}
	if port == 0 {
		if rested, ok := l.router.rested(host); ok {
			return l.router.register(l, rested), nil
		}
	}
	type granted struct {
		port uint32
		err  error
	}
	result := make(chan granted)
	l.spawn(func() {
		var g granted
		g.port, g.err = l.askForward(key)
		select {
		case result <- g:
		case <-ctx.Done():
			if g.err == nil {
				l.cancel(forwardKey{host, g.port})
			}
		}
	})
	select {
	case g := <-result:
		if g.err != nil {
			return nil, g.err
		}
		return l.router.register(l, forwardKey{host, g.port}), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("listen on %s: %w", address, ctx.Err())
	}
}

// askForward asks for a forward and returns its port.
func (l *link) askForward(key forwardKey) (port uint32, err error) {
	ok, reply, err := l.last().SendRequest("tcpip-forward", true, forwardRequest(key))
	address := net.JoinHostPort(key.host, strconv.Itoa(int(key.port)))
	switch {
	case err != nil:
		return 0, l.openError(address, err)
	case !ok:
		return 0, &OpenError{Listen: true, Address: address, Prohibited: true, Err: errRefused}
	case key.port != 0:
		return key.port, nil
	}
	var m struct{ Port uint32 }
	if err := ssh.Unmarshal(reply, &m); err != nil || m.Port == 0 || m.Port > 65535 {
		return 0, &OpenError{Listen: true, Address: address, Err: fmt.Errorf("no port in its answer")}
	}
	return m.Port, nil
}

var errRefused = fmt.Errorf("request refused")

func forwardRequest(key forwardKey) []byte {
	return ssh.Marshal(struct {
		Host string
		Port uint32
	}{key.host, key.port})
}

// cancel asks the server to stop listening, in the background. A forward that
// it does not cancel rests.
func (l *link) cancel(key forwardKey) {
	l.spawn(func() {
		ok, _, err := l.last().SendRequest("cancel-tcpip-forward", true, forwardRequest(key))
		if err == nil && !ok {
			l.router.rest(key)
		}
	})
}

// register makes the listener of a forward that the server has granted.
func (r *router) register(l *link, key forwardKey) *listener {
	n := &listener{
		link: l, key: key,
		addr:  &net.TCPAddr{IP: net.ParseIP(key.host), Port: int(key.port)},
		conns: make(chan net.Conn, backlog),
		slots: make(chan struct{}, backlog),
		done:  make(chan struct{}),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		n.once.Do(func() { close(n.done) })
		return n
	}
	if r.forwards == nil {
		r.forwards = make(map[forwardKey]*listener)
	}
	r.forwards[key] = n
	return n
}

// forget stops routing to n.
func (r *router) forget(n *listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forwards[n.key] == n {
		delete(r.forwards, n.key)
	}
}

func (r *router) rest(key forwardKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting = append(r.resting, restingForward{key, time.Now()})
}

// rested takes the forward of host that has rested longest, if it may serve
// again: after restTime, or when too many rest.
func (r *router) rested(host string) (forwardKey, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, f := range r.resting {
		if f.key.host != host {
			continue
		}
		if len(r.resting) < restAtMost && time.Since(f.since) < restTime {
			break
		}
		r.resting = append(r.resting[:i], r.resting[i+1:]...)
		return f.key, true
	}
	return forwardKey{}, false
}

// close ends every listener.
func (r *router) close() {
	r.mu.Lock()
	r.closed = true
	listeners := make([]*listener, 0, len(r.forwards))
	for _, n := range r.forwards {
		listeners = append(listeners, n)
	}
	r.mu.Unlock()
	for _, n := range listeners {
		n.end()
	}
}

// splitPort splits host:port with a port in figures.
func splitPort(address string) (host string, port uint32, err error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %s: no port: %w", address, err)
	}
	return host, uint32(n), nil
}
