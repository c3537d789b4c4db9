//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/internal/test/module"
)

// lean is the program as people run it: the race detector multiplies memory.
var lean struct {
	once sync.Once
	err  error
}

func leanBinary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(binary(t)), "ftptunnel-lean")
	lean.once.Do(func() {
		cmd := exec.Command("go", "build", "-o", path, module.Program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			lean.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(t, lean.err)
	return path
}

// startLean starts the program without the race detector.
func (s *site) startLean(args ...string) *lab.Process {
	s.t.Helper()
	p := s.Client.Start(s.t, s.Client.Command(context.Background(), leanBinary(s.t), args...))
	p.Stdout.Await(s.t, "ftp://127.0.0.1:2121")
	return p
}

// A footprint is what a process uses, memory in KiB.
type footprint struct{ memory, peak, descriptors, threads int }

// footprintOf takes the footprint, and begins a new peak.
func footprintOf(t *testing.T, p *lab.Process) (f footprint) {
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

// crowded is a vsftpd that takes everybody who comes.
func (s *site) crowded() *lab.FTPServer {
	return lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"max_clients=0", "max_per_ip=0", "log_ftp_protocol=NO"}})
}

// patientLogin is login for those who stay longer than a minute.
func (s *site) patientLogin() (*client, error) {
	conn, err := s.Client.DialContext(s.t.Context(), "tcp", "127.0.0.1:2121")
	if err != nil {
		return nil, err
	}
	c := &client{s.Client, textproto.NewConn(conn)}
	err = conn.SetDeadline(time.Now().Add(10 * time.Minute))
	if err == nil {
		_, _, err = c.ReadResponse(220)
	}
	for _, line := range []struct {
		code int
		text string
	}{{230, "USER ftp"}, {200, "TYPE I"}} {
		if err == nil {
			_, err = c.command(line.code, "%s", line.text)
		}
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// upload stores a file in passive mode.
func (c *client) upload(name string, content []byte) error {
	port, err := c.passivePort()
	if err != nil {
		return err
	}
	data, err := c.host.DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := c.command(150, "STOR %s", name); err != nil {
		return err
	}
	if _, err := data.Write(content); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	_, _, err = c.ReadResponse(226)
	return err
}

// together runs do for 0 to n-1, so many at a time, and joins their errors.
func together(n, atATime int, do func(i int) error) error {
	numbers := make(chan int)
	errs := make([]error, n)
	var workers sync.WaitGroup
	for range atATime {
		workers.Go(func() {
			for i := range numbers {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
	return errors.Join(errs...)
}

// A crowd is how many there are of what a footprint is taken of.
type crowd struct {
	idle, moving, passing int
	size                  int // of each file
}

// With SOAK in the environment there are as many as the figures in
// docs/limits.md are about.
func TestWhatASessionCostsIsSmallAndGivenBack(t *testing.T) {
	t.Parallel()
	c := crowd{idle: 100, moving: 20, passing: 400, size: 1_000_000}
	if os.Getenv("SOAK") != "" {
		c = crowd{idle: 500, moving: 50, passing: 5000, size: 8_000_000}
	}
	s := throughSSHD(t)
	ftp := s.crowded()
	content := make([]byte, c.size)
	_, _ = rand.Read(content)
	require.NoError(t, os.WriteFile(filepath.Join(ftp.Root, "pub", "f"), content, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(ftp.Root, "pub", "small"), content[:1000], 0o644))
	p := s.startLean("-q", "gateway")
	require.NoError(t, s.pass(1, content[:1000])) // so that what is made once is there
	s.awaitNobody(p, 0)
	fresh := footprintOf(t, p)
	t.Logf("%-34s%v", "fresh", fresh)

	clients := make([]*client, c.idle)
	require.NoError(t, together(c.idle, 8, func(i int) (err error) {
		clients[i], err = s.patientLogin()
		return err
	}))
	idle := footprintOf(t, p)
	each := (idle.memory - fresh.memory) / c.idle
	t.Logf("%-34s%v; %d KiB each", fmt.Sprintf("%d idle", c.idle), idle, each)
	assert.Less(t, each, 300)
	assert.Equal(t, fresh.descriptors+c.idle, idle.descriptors, "one for each: the rest is one SSH connection")

	began := time.Now()
	require.NoError(t, together(c.moving, c.moving, func(i int) error {
		if i%2 == 0 {
			return clients[i].downloaded("pub/f", content)
		}
		name := fmt.Sprintf("pub/up%d", i)
		if err := clients[i].upload(name, content); err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(ftp.Root, name))
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

	require.NoError(t, together(c.idle, 8, func(i int) error {
		_, err := clients[i].command(221, "QUIT")
		return errors.Join(err, clients[i].Close())
	}))
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
	assert.Zero(t, s.forwards())
}

// pass has n clients come, each with a download, and go again.
func (s *site) pass(n int, small []byte) error {
	return together(n, 8, func(int) error {
		c, err := s.patientLogin()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.downloaded("pub/small", small); err != nil {
			return err
		}
		_, err = c.command(221, "QUIT")
		return err
	})
}

// downloaded downloads and compares.
func (c *client) downloaded(name string, want []byte) error {
	got, err := c.download(name)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%d bytes that are not the file's", len(got))
	}
	return err
}

// awaitNobody waits until the program has no client and no data listener left,
// and so many descriptors at most, if that is not 0.
func (s *site) awaitNobody(p *lab.Process, descriptors int) {
	s.t.Helper()
	last := 0
	eventually(s.t, "no listener and no connection is left", func() bool {
		now := p.Descriptors(s.t)
		settled := now == last
		last = now
		return len(s.Client.Listeners(s.t)) == 1 && settled && (descriptors == 0 || now <= descriptors)
	})
}
