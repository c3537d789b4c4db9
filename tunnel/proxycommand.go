package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// How long a ProxyCommand gets to end: after its output has ended, to say why,
// and after it was told to, before it is killed.
const (
	commandVerdict = time.Second
	commandGrace   = 2 * time.Second
)

// A commandConn is the connection that a ProxyCommand makes: what it reads and
// writes on its standard input and output.
type commandConn struct {
	read, write *os.File
	broken      atomic.Bool // the command no longer reads
	stop        context.CancelFunc
	done        chan struct{} // closed when the command has ended
	err         error         // how it ended; set before done is closed
}

// runProxy starts command in the user's shell, as ssh does, and returns the
// connection that it makes. Close tells the command to end; await waits until
// it has.
func runProxy(command string, stderr *os.File) (*commandConn, error) {
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
	cmd.Stdin, cmd.Stdout = childIn, childOut
	if stderr != nil {
		cmd.Stderr = stderr
	}
	cmd.Cancel = func() error { return hangUp(cmd.Process) }
	cmd.WaitDelay = commandGrace
	err = cmd.Start()
	_ = childIn.Close()
	_ = childOut.Close()
	c := &commandConn{read: read, write: write, stop: stop, done: make(chan struct{})}
	if err != nil {
		close(c.done)
		_ = c.Close()
		return nil, fmt.Errorf("start ProxyCommand: %w", err)
	}
	go c.reap(cmd)
	return c, nil
}

func (c *commandConn) reap(cmd *exec.Cmd) {
	c.err = cmd.Wait()
	close(c.done)
}

// await waits until the command has ended. Close must have been called.
func (c *commandConn) await() { <-c.done }

// Read tells an end that the command is to blame for from one that the server
// is.
func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.read.Read(p)
	if errors.Is(err, io.EOF) {
		err = c.verdict(err)
	}
	return n, err
}

func (c *commandConn) Write(p []byte) (int, error) {
	n, err := c.write.Write(p)
	if !errors.Is(err, syscall.EPIPE) {
		return n, err
	}
	if c.broken.CompareAndSwap(false, true) {
		// What the command said before it ended is yet to be read, and tells
		// more. To a network this would have been lost without a word, too.
		return len(p), nil
	}
	return n, c.verdict(io.EOF)
}

// verdict returns how the command ended if it has failed, and err if not.
func (c *commandConn) verdict(err error) error {
	select {
	case <-c.done:
		if c.err != nil {
			return fmt.Errorf("ProxyCommand: %w", c.err)
		}
	case <-time.After(commandVerdict):
	}
	return err
}

// Close does not block.
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

// A commandAddr is that there is no address: only the command knows.
type commandAddr struct{}

func (commandAddr) Network() string { return "command" }
func (commandAddr) String() string  { return "ProxyCommand" }
