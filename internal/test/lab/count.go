package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Listeners returns the addresses of the TCP sockets that listen on h, host:port
// as ss(8) prints them.
func (h *Host) Listeners(t testing.TB) []string {
	t.Helper()
	var listeners []string
	for line := range strings.Lines(h.Run(t, "ss", "-Htln")) {
		// State, Recv-Q, Send-Q, local address, peer's address.
		if fields := strings.Fields(line); len(fields) > 3 {
			listeners = append(listeners, fields[3])
		}
	}
	return listeners
}

// Descriptors returns how many open file descriptors p has, not counting its
// descendants.
func (p *Process) Descriptors(t testing.TB) int { return p.count(t, "fd") }

// Threads returns how many threads p has, not counting its descendants.
func (p *Process) Threads(t testing.TB) int { return p.count(t, "task") }

func (p *Process) count(t testing.TB, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", p.Pid, dir))
	require.NoError(t, err)
	return len(entries)
}
