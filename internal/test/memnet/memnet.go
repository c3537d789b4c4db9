// Package memnet is a network in memory for tests: connections with
// half-closes and resets, listeners, and the means to make them fail.
package memnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// A Network has listeners, and connections to them. Its zero value is ready for use.
// It is safe for concurrent use.
type Network struct {
	// Resetless makes connections like those through SSH, which have no reset: a
	// reset looks like an end of data.
	Resetless bool

	// Dialled, if not nil, is called before each dial; if it returns an error,
	// the dial fails with it.
	Dialled func(address string) error

	// FirstPort is the first port that Listen picks for port 0; zero means
	// 40000.
	FirstPort uint16

	// From is the address that dialled connections come from; the zero value
	// means 127.0.0.1.
	From netip.Addr

	mu        sync.Mutex
	listeners map[string]*listener
	conns     []*Conn
	port      uint16
}

// Listen announces on address, whose port may be 0.
func (n *Network) Listen(_ context.Context, _, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Port() == 0 {
		at = netip.AddrPortFrom(at.Addr(), n.freePort())
	}
	l := &listener{network: n, addr: at, conns: make(chan *Conn, 64), done: make(chan struct{})}
	if n.listeners == nil {
		n.listeners = make(map[string]*listener)
	}
	if n.listeners[at.String()] != nil {
		return nil, fmt.Errorf("listen %s: %w", at, syscall.EADDRINUSE)
	}
	n.listeners[at.String()] = l
	return l, nil
}

func (n *Network) freePort() uint16 {
	if n.port == 0 {
		n.port = cmp.Or(n.FirstPort, 40000)
	}
	n.port++
	return n.port
}

// DialContext connects to the listener at address.
func (n *Network) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	if n.Dialled != nil {
		if err := n.Dialled(address); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[address]
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	}
	from := n.From
	if !from.IsValid() {
		from = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if l.addr.Addr().Is6() {
			from = netip.IPv6Loopback()
		}
	}
	a, b := pipe(netip.AddrPortFrom(from, n.freePort()), l.addr, n.Resetless)
	n.conns = append(n.conns, a, b)
	select {
	case l.conns <- b:
		return n.outward(a), nil
	default:
		return nil, fmt.Errorf("dial %s: backlog full: %w", address, syscall.ECONNREFUSED)
	}
}

// outward hides SetLinger in a network that has no resets.
func (n *Network) outward(c *Conn) net.Conn {
	if n.Resetless {
		return struct{ plain }{c}
	}
	return c
}

type plain interface {
	net.Conn
	CloseWrite() error
	Buffered() int
	Ended() bool
	Fail(error) error
}

// Fail makes every open connection fail with err, in both directions.
func (n *Network) Fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.in.fail(err)
	}
}

// Open returns how many listeners and connections have not been closed.
func (n *Network) Open() (listeners, conns int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		if !c.isClosed() {
			conns++
		}
	}
	return len(n.listeners), conns
}

type listener struct {
	network *Network
	addr    netip.AddrPort
	conns   chan *Conn
	done    chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return l.network.outward(c), nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.network.mu.Lock()
		delete(l.network.listeners, l.addr.String())
		l.network.mu.Unlock()
		for {
			select {
			case c := <-l.conns:
				_ = c.SetLinger(0)
				_ = c.Close()
			default:
				return
			}
		}
	})
	return nil
}

var errBroken = errors.New("broken pipe")
