package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// namespaces is the directory in which ip-netns(8) keeps network namespaces.
const namespaces = "/run/netns"

// namespacePrefix, followed by the pid of the test, begins the name of each
// namespace of a lab.
const namespacePrefix = "ftptunnel-"

// DialContext connects from h to address, an IP address and a port. Once it
// has returned, ctx has no effect on the connection.
func (h *Host) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	// Other threads, which are not on h, would look up names and make second
	// attempts.
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err
	}
	dialer := net.Dialer{FallbackDelay: -1}
	inside := inNamespace(filepath.Join(namespaces, h.namespace), func() {
		conn, err = dialer.DialContext(ctx, network, address)
	})
	if inside != nil {
		return nil, inside
	}
	return conn, err
}

// Listen listens on h at address, an IP address and a port. Once it has
// returned, ctx has no effect on the listener.
func (h *Host) Listen(ctx context.Context, network, address string) (listener net.Listener, err error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	inside := inNamespace(filepath.Join(namespaces, h.namespace), func() {
		listener, err = config.Listen(ctx, network, address)
	})
	if inside != nil {
		return nil, inside
	}
	return listener, err
}

// An entry is a process as /proc shows it.
type entry struct {
	pid, parent, group int
	name               string
}

// processes returns the processes on h, without zombies and this process.
func (h *Host) processes() []entry {
	here, err := os.Stat(filepath.Join(namespaces, h.namespace))
	if err != nil {
		return nil
	}
	var found []entry
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		// A thread of this process may be on h.
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == os.Getpid() {
			continue
		}
		// A process that fails here has just ended.
		if there, err := os.Stat(dir + "/ns/net"); err != nil || !os.SameFile(here, there) {
			continue
		}
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue
		}
		if e, err := parseStat(string(stat)); err == nil {
			found = append(found, e)
		}
	}
	return found
}

// parseStat parses /proc/pid/stat, proc(5). The name in it may contain anything, so
// it ends at the last parenthesis.
func parseStat(stat string) (entry, error) {
	var e entry
	before, rest, _ := strings.Cut(stat, " (")
	end := strings.LastIndex(rest, ") ")
	if end < 0 {
		return e, fmt.Errorf("no name in %q", stat)
	}
	e.name = rest[:end]
	var state string
	if _, err := fmt.Sscan(before, &e.pid); err != nil {
		return e, err
	}
	_, err := fmt.Sscan(rest[end+2:], &state, &e.parent, &e.group)
	return e, err
}

// signalAll signals processes. It ignores those that have ended.
func signalAll(entries []entry, s syscall.Signal) {
	for _, e := range entries {
		_ = signal(e.pid, s)
	}
}

// remove kills the processes on h and removes its namespace.
func (h *Host) remove(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(namespaces, h.namespace)); err != nil {
		return
	}
	waitFor(t, "the end of what runs on "+h.Name, func() bool {
		running := h.processes()
		signalAll(running, kill)
		return len(running) == 0
	})
	if out, err := exec.Command("ip", "netns", "delete", h.namespace).CombinedOutput(); err != nil {
		t.Errorf("ip netns delete %s: %s", h.namespace, out)
	}
}

// sweep removes the hosts of tests that were killed.
func sweep(t testing.TB) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(namespaces, namespacePrefix+"*"))
	for _, path := range paths {
		name := filepath.Base(path)
		pid, _, _ := strings.Cut(strings.TrimPrefix(name, namespacePrefix), "-")
		if _, err := os.Stat("/proc/" + pid); err == nil {
			continue
		}
		signalAll((&Host{namespace: name}).processes(), kill)
		// Another test may have removed it meanwhile.
		_ = exec.Command("ip", "netns", "delete", name).Run()
	}
}
