package ftptest

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Start serves s in its network until the test ends, and returns host:port. The
// address is an IP address, for a free port, or an IP address and a port. If s has
// no Root, Start sets an empty one.
func Start(t testing.TB, s *Server, address string) string {
	t.Helper()
	if s.Root == nil {
		root, err := os.OpenRoot(t.TempDir())
		require.NoError(t, err)
		t.Cleanup(func() { _ = root.Close() })
		s.Root = root
	}
	if _, err := netip.ParseAddrPort(address); err != nil {
		address = net.JoinHostPort(address, "0")
	}
	ctx, stop := context.WithCancel(context.Background())
	l, err := s.network().Listen(ctx, "tcp", address)
	if err != nil {
		stop()
		require.NoError(t, err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-served)
	})
	return l.Addr().String()
}

// A Record keeps command lines. Its method Add is a [Server].Received. It is safe for
// concurrent use.
type Record struct {
	mu    sync.Mutex
	lines []string
}

// Add adds line.
func (r *Record) Add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// Lines returns a copy of the lines so far.
func (r *Record) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}
