package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Process is a program that runs in the background on a host. Its methods may be
// called concurrently, and after its end.
type Process struct {
	Pid    int
	Stdout Output // empty if the command's own Stdout was set
	Stderr Output // likewise

	host *Host
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of cmd.Wait, once done is closed
}

// Start starts cmd, which [Host.Command] has returned. It keeps the output, and logs
// it if the test fails. When the test ends, the process and its descendants are
// killed.
func (h *Host) Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{host: h, cmd: cmd, done: make(chan struct{})}
	// With files instead of pipes, Wait does not wait for descendants that hold
	// them open.
	dir := t.TempDir()
	if cmd.Stdout == nil {
		p.Stdout = Output{filepath.Join(dir, "stdout")}
		cmd.Stdout = p.Stdout.open(t)
	}
	if cmd.Stderr == nil {
		p.Stderr = Output{filepath.Join(dir, "stderr")}
		cmd.Stderr = p.Stderr.open(t)
	}
	require.NoError(t, cmd.Start())
	p.Pid = cmd.Process.Pid
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Kill()
		p.Stdout.logIfFailed(t, h.Name+": standard output of "+h.typed(cmd))
		p.Stderr.logIfFailed(t, h.Name+": standard error of "+h.typed(cmd))
	})
	return p
}

// Signal sends a signal to the process, and not to its descendants.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill kills the process and its descendants and waits for the process.
func (p *Process) Kill() {
	p.signalTree(kill)
	<-p.done
}

// Stop stops the process and its descendants, with SIGSTOP.
func (p *Process) Stop() { p.signalTree(stop) }

// Cont continues the process and its descendants.
func (p *Process) Cont() { p.signalTree(cont) }

// Wait waits for the end of the process and returns the error of [exec.Cmd.Wait].
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Done returns a channel that is closed when the process ends.
func (p *Process) Done() <-chan struct{} { return p.done }

// signalTree finds the tree before it signals, since orphans leave it, and signals
// p in any case, since p may not have entered its host yet.
func (p *Process) signalTree(s syscall.Signal) {
	tree := p.tree()
	_ = p.Signal(s)
	signalAll(tree, s)
}

// tree returns p, the processes of its group and its descendants, as far as they
// are on p's host.
func (p *Process) tree() []entry {
	var tree []entry
	rest := p.host.processes()
	in := map[int]bool{p.Pid: true}
	for grown := true; grown; {
		grown = false
		var others []entry
		for _, e := range rest {
			if e.pid == p.Pid || e.group == p.Pid || in[e.parent] {
				in[e.pid], grown = true, true
				tree = append(tree, e)
			} else {
				others = append(others, e)
			}
		}
		rest = others
	}
	return tree
}

// An Output is what a program has printed.
type Output struct{ path string }

// open opens the file for writing, until the test ends.
func (o Output) open(t testing.TB) *os.File {
	t.Helper()
	f, err := os.OpenFile(o.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// String returns all that was printed so far.
func (o Output) String() string {
	text, err := os.ReadFile(o.path)
	if err != nil {
		return "" // nothing yet
	}
	return string(text)
}

// Await waits until text is printed. After ten seconds it fails the test.
func (o Output) Await(t testing.TB, text string) {
	t.Helper()
	waitFor(t, "the output "+text, func() bool { return strings.Contains(o.String(), text) })
}

func (o Output) logIfFailed(t testing.TB, title string) {
	t.Helper()
	if text := o.String(); t.Failed() && text != "" {
		t.Logf("%s:\n%s", title, text)
	}
}

// waitFor waits until done returns true. After ten seconds it fails the test.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited 10 seconds for %s", what)
		}
	}
}
