package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// exitWait is how long Read waits for the exit status of a ProxyCommand
	// that has closed its standard output.
	exitWait = time.Second

	// killDelay is how long a ProxyCommand may take to exit before it is killed.
	killDelay = 2 * time.Second
)

// A commandConn is the standard input and output of a ProxyCommand as a
// [net.Conn].
type commandConn struct {
	read, write *os.File
	writeFailed atomic.Bool // the command has closed its standard input
	stop        context.CancelFunc
	done        chan struct{} // closed when the command has exited
	err         error         // its exit status; set before done is closed
}

// startProxyCommand starts command in the user's shell, as ssh does. Close ends
// the command, and wait waits until it has exited. Each line that it writes to
// its standard error goes to said, before wait returns.
func startProxyCommand(command string, said func(line string)) (*commandConn, error) {
	childIn, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	read, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, childIn.Close(), write.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := shell(ctx, command)
	stderr := &lineWriter{handle: said}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = childIn, childOut, stderr
	cmd.Cancel = func() error { return hangUp(cmd.Process) }
	cmd.WaitDelay = killDelay
	err = cmd.Start()
	_ = childIn.Close()
	_ = childOut.Close()
	c := &commandConn{read: read, write: write, stop: stop, done: make(chan struct{})}
	if err != nil {
		close(c.done)
		_ = c.Close()
		return nil, fmt.Errorf("start ProxyCommand: %w", err)
	}
	go c.waitForExit(cmd, stderr)
	return c, nil
}

func (c *commandConn) waitForExit(cmd *exec.Cmd, stderr *lineWriter) {
	// A process that the command has left behind may keep its standard error
	// open; Wait closes that after WaitDelay.
	if err := cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
		c.err = err
	}
	stderr.flush()
	close(c.done)
}

// maxOutputLine bounds a line of a lineWriter. A longer one becomes several.
const maxOutputLine = 1024

// A lineWriter passes each line that is written to it on, without its end.
type lineWriter struct {
	handle func(line string)
	begun  []byte // a line without its end
}

func (w *lineWriter) Write(p []byte) (int, error) {
	for _, b := range p {
		if b != '\n' {
			w.begun = append(w.begun, b)
		}
		if b == '\n' || len(w.begun) == maxOutputLine {
			w.handle(strings.TrimSuffix(string(w.begun), "\r"))
			w.begun = w.begun[:0]
		}
	}
	return len(p), nil
}

// flush passes on what was written after the last line.
func (w *lineWriter) flush() {
	if len(w.begun) > 0 {
		w.handle(string(w.begun))
		w.begun = nil
	}
}

// wait waits until the command has exited. Call Close first.
func (c *commandConn) wait() { <-c.done }

// Read returns the exit status of a command that failed instead of io.EOF.
func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.read.Read(p)
	if errors.Is(err, io.EOF) {
		err = c.exitError(err)
	}
	return n, err
}

func (c *commandConn) Write(p []byte) (int, error) {
	n, err := c.write.Write(p)
	if !errors.Is(err, syscall.EPIPE) {
		return n, err
	}
	if c.writeFailed.CompareAndSwap(false, true) {
		// The output of the command is not read yet, and tells more than this
		// error. On a network, the data would also be lost without an error.
		return len(p), nil
	}
	return n, c.exitError(io.EOF)
}

// exitError returns the exit status of the command if it has failed, and err if
// not.
func (c *commandConn) exitError(err error) error {
	select {
	case <-c.done:
		if c.err != nil {
			return fmt.Errorf("ProxyCommand: %w", c.err)
		}
	case <-time.After(exitWait):
	}
	return err
}

// Close ends the command. It does not block.
func (c *commandConn) Close() error {
	c.stop()
	return errors.Join(c.read.Close(), c.write.Close())
}

func (c *commandConn) LocalAddr() net.Addr  { return commandAddr{} }
func (c *commandConn) RemoteAddr() net.Addr { return commandAddr{} }

func (c *commandConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
func (c *commandConn) SetReadDeadline(t time.Time) error  { return c.read.SetReadDeadline(t) }
func (c *commandConn) SetWriteDeadline(t time.Time) error { return c.write.SetWriteDeadline(t) }

// A commandAddr stands for an address that only the command knows.
type commandAddr struct{}

func (commandAddr) Network() string { return "command" }
func (commandAddr) String() string  { return "ProxyCommand" }
