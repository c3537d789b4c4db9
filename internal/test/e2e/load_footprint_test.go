//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A footprint is what a process uses; memory is in KiB.
type footprint struct{ memory, peak, descriptors, threads int }

// footprintOf returns the footprint, and resets the peak.
func footprintOf(t *testing.T, p *program) (f footprint) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		for name, value := range map[string]*int{"VmRSS:": &f.memory, "VmHWM:": &f.peak} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				_, err := fmt.Sscan(rest, value)
				require.NoError(t, err)
			}
		}
	}
	require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Pid), []byte("5"), 0))
	f.descriptors, f.threads = p.Descriptors(t), p.Threads(t)
	return f
}

func (f footprint) String() string {
	return fmt.Sprintf("%7d KiB, %7d KiB at most, %4d descriptors, %3d threads", f.memory, f.peak, f.descriptors, f.threads)
}

// unlimited starts a vsftpd on the gateway that accepts any number of clients.
func (s *site) unlimited() *lab.FTPServer {
	return lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"max_clients=0", "max_per_ip=0", "log_ftp_protocol=NO"}})
}

// A crowd is the numbers of clients of which a footprint is measured.
type crowd struct {
	idle, moving, passing int
	size                  int // of each file
}

// With SOAK in the environment, the numbers are those in docs/limits.md.
func TestFootprintOfSessionIsSmallAndFreed(t *testing.T) {
	t.Parallel()
	c := crowd{idle: 100, moving: 20, passing: 400, size: 1_000_000}
	if os.Getenv("SOAK") != "" {
		c = crowd{idle: 500, moving: 50, passing: 5000, size: 8_000_000}
	}
	s := throughSSHD(t)
	ftp := s.unlimited()
	content := random(c.size)
	ftp.WriteFile(t, "f", string(content))
	ftp.WriteFile(t, "small", string(content[:1000]))
	p := s.startLean("-q", "gateway")
	require.NoError(t, s.pass(1, content[:1000])) // what is allocated once is allocated
	s.awaitNobody(p, 0)
	fresh := footprintOf(t, p)
	t.Logf("%-34s%v", "fresh", fresh)

	clients := s.idle(c.idle)
	idle := footprintOf(t, p)
	each := (idle.memory - fresh.memory) / c.idle
	t.Logf("%-34s%v; %d KiB each", fmt.Sprintf("%d idle", c.idle), idle, each)
	assert.Less(t, each, 300)
	assert.Equal(t, fresh.descriptors+c.idle, idle.descriptors, "one for each: the rest is one SSH connection")

	began := time.Now()
	require.NoError(t, together(c.moving, c.moving, func(i int) error {
		if i%2 == 0 {
			return clients[i].downloads("EPSV", "pub/f", content)
		}
		name := fmt.Sprintf("up%d", i)
		if err := clients[i].upload("pub/"+name, content); err != nil {
			return err
		}
		got, err := os.ReadFile(ftp.Path(name))
		if err == nil && !bytes.Equal(got, content) {
			err = errors.New("another file has arrived")
		}
		return err
	}))
	moved := footprintOf(t, p)
	t.Logf("%-34s%v; in %v", fmt.Sprintf("%d idle, %d have moved %d bytes", c.idle, c.moving, c.size), moved, time.Since(began).Round(time.Millisecond))
	perTransfer := (moved.peak - idle.memory) / c.moving
	t.Logf("%d KiB for each transfer", perTransfer)
	// A gateway may send the channel's window, 2 MiB, ahead of a client, and Go's
	// heap may double before it is collected.
	assert.Less(t, perTransfer, 5<<10)

	require.NoError(t, together(c.idle, 8, func(i int) error { return clients[i].quit() }))
	s.awaitNobody(p, fresh.descriptors)
	t.Logf("%-34s%v", "all have gone", footprintOf(t, p))

	tenth := c.passing / 10
	require.NoError(t, s.pass(tenth, content[:1000]))
	s.awaitNobody(p, fresh.descriptors)
	before := footprintOf(t, p)
	t.Logf("%-34s%v", fmt.Sprintf("%d have come and gone", tenth), before)
	require.NoError(t, s.pass(c.passing-tenth, content[:1000]))
	s.awaitNobody(p, fresh.descriptors)
	after := footprintOf(t, p)
	t.Logf("%-34s%v", fmt.Sprintf("%d have come and gone", c.passing), after)
	assert.Less(t, after.memory-before.memory, 4<<10, "memory grows with the number of connections")
	assert.Empty(t, s.forwards())
}

// idle returns n clients that have logged in, and that wait for anything longer
// than others.
func (s *site) idle(n int) []*client {
	s.t.Helper()
	clients := make([]*client, n)
	require.NoError(s.t, together(n, 8, func(i int) (err error) {
		clients[i], err = enter(s.Client)
		if err == nil {
			s.t.Cleanup(clients[i].close)
			clients[i].patience = 10 * time.Minute
		}
		return err
	}))
	return clients
}

// pass has n clients log in, download a file and leave.
func (s *site) pass(n int, small []byte) error {
	return together(n, 8, func(int) error {
		c, err := enter(s.Client)
		if err != nil {
			return err
		}
		defer c.close()
		if err := c.downloads("EPSV", "pub/small", small); err != nil {
			return err
		}
		return c.quit()
	})
}

// awaitNobody waits until the program has no client and no data listener, and at
// most so many descriptors, if descriptors is not 0.
func (s *site) awaitNobody(p *program, descriptors int) {
	s.t.Helper()
	last := 0
	eventually(s.t, "the end of all listeners and connections", func() bool {
		now := p.Descriptors(s.t)
		settled := now == last
		last = now
		return len(s.dataPorts()) == 0 && settled && (descriptors == 0 || now <= descriptors)
	})
}
