package gateway

import (
	"context"
	"fmt"
	"net"
	"sync"

	"example.org/ftptunnel/internal/test/memnet"
	"example.org/ftptunnel/tunnel"
)

// A sshHost is a fake SSH server in front of the FTP server.
type sshHost struct {
	connects func(ctx context.Context) error // what an attempt to connect does, if not nil

	mu      sync.Mutex
	down    error // connections are lost, for this reason
	stuck   bool  // nothing is answered
	refuses error // connections to the FTP server fail
	tunnels []*fakeTunnel
}

func (h *sshHost) set(change func(h *sshHost)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

// opened returns how many connections there were, and how many there are.
func (h *sshHost) opened() (all, now int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.tunnels {
		if t.Err() == nil {
			now++
		}
	}
	return len(h.tunnels), now
}

// A fakeTunnel is a connection to a sshHost.
type fakeTunnel struct {
	*memnet.Network
	host *sshHost
	done chan struct{}

	mu  sync.Mutex
	err error
}

func (t *fakeTunnel) Ready(ctx context.Context) error {
	t.host.mu.Lock()
	down, stuck := t.host.down, t.host.stuck
	t.host.mu.Unlock()
	if stuck {
		return nil // as long as the keepalive has not noticed
	}
	if down != nil {
		return fmt.Errorf("%w: %w", tunnel.ErrLost, down)
	}
	return t.Err()
}

func (t *fakeTunnel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	t.host.mu.Lock()
	down, stuck, refuses := t.host.down, t.host.stuck, t.host.refuses
	t.host.mu.Unlock()
	switch {
	case t.Err() != nil:
		return nil, t.Err()
	case refuses != nil:
		return nil, refuses
	case stuck, down != nil:
		<-ctx.Done()
		return nil, fmt.Errorf("%w: %w", tunnel.ErrLost, ctx.Err())
	}
	return t.Network.DialContext(ctx, network, address)
}

func (t *fakeTunnel) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 22} }

func (t *fakeTunnel) Done() <-chan struct{} { return t.done }

func (t *fakeTunnel) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *fakeTunnel) Close() error {
	t.end(tunnel.ErrClosed)
	return nil
}

// end ends the tunnel for good.
func (t *fakeTunnel) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		close(t.done)
	}
}
