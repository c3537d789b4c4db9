package lab

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A daemon is a server program: one process that listens, and one that it starts
// for each connection. A host has at most one of a kind.
type daemon struct {
	Log Output // what it logs, over all restarts

	host     *Host
	program  string // its name, or its path where a search would not find it
	args     []string
	workers  string      // prefix of the names of the processes that serve; empty if the listener serves all
	prepare  func()      // called before each start
	ready    func() bool // reports whether it listens
	listener *Process
}

// launch starts the program for the first time.
func (d *daemon) launch(t testing.TB) {
	t.Helper()
	d.start(t)
	t.Cleanup(func() { d.Log.logIfFailed(t, d.host.Name+": log of "+d.program) })
}

func (d *daemon) start(t testing.TB) {
	t.Helper()
	d.prepare()
	// sshd requires to be run by its full path.
	path := Program(t, d.program)[0]
	cmd := d.host.Command(context.Background(), path, d.args...)
	log := d.Log.open(t)
	cmd.Stdout, cmd.Stderr = log, log
	d.listener = d.host.Start(t, cmd)
	waitFor(t, d.program+" to listen", func() bool {
		select {
		case <-d.listener.Done():
			require.FailNow(t, d.program+" has ended", "%s", d.Log)
		default:
		}
		return d.ready()
	})
}

// Kill kills the process that listens. Processes that serve connections
// continue.
func (d *daemon) Kill() {
	_ = d.listener.Signal(kill)
	<-d.listener.Done()
}

// Restart kills the process that listens and starts the program again. Processes
// that serve connections continue.
func (d *daemon) Restart(t testing.TB) {
	t.Helper()
	d.Kill()
	d.start(t)
}

// Listener returns the process that listens; after a Restart, it is another
// one.
func (d *daemon) Listener() *Process { return d.listener }

// children returns the processes that serve connections. It finds them by name,
// because those that outlive the listener have another parent; OpenSSH calls
// them sshd-session since 9.8.
func (d *daemon) children() []entry {
	if d.workers == "" {
		return nil
	}
	var children []entry
	for _, e := range d.host.processes() {
		if strings.HasPrefix(e.name, d.workers) && e.pid != d.listener.Pid {
			children = append(children, e)
		}
	}
	return children
}

// killChildren kills the processes that serve connections, waits until they are
// gone, and returns how many there were.
func (d *daemon) killChildren(t testing.TB) int {
	t.Helper()
	killed := d.children()
	signalAll(killed, kill)
	waitFor(t, "the end of "+d.program+"'s children", func() bool {
		return !slices.ContainsFunc(d.host.processes(), func(running entry) bool {
			return slices.ContainsFunc(killed, func(e entry) bool { return e.pid == running.pid })
		})
	})
	return len(killed)
}
