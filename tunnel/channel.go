package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A conn is an SSH channel as a net.Conn without deadlines. It has CloseWrite.
type conn struct {
	channel       ssh.Channel
	link          *link
	local, remote net.Addr
	once          sync.Once
}

// newConn takes over a channel and its requests.
func (l *link) newConn(c ssh.Channel, requests <-chan *ssh.Request, local, remote net.Addr) *conn {
	l.spawn(func() { ssh.DiscardRequests(requests) })
	return &conn{channel: c, link: l, local: local, remote: remote}
}

// Read returns io.EOF only if the peer ended its data. The death of the SSH
// connection looks the same in package ssh; what tells it apart is that the
// transport failed before. One case is left: a server that takes its leave with
// SSH_MSG_DISCONNECT. Its channels end an instant before the connection does,
// and a Read in that instant sees an end of file.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.channel.Read(b)
	return n, c.explain(err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.channel.Write(b)
	if errors.Is(err, io.EOF) && c.link.failure() == nil {
		err = errPeerClosed
	}
	return n, c.explain(err)
}

var errPeerClosed = errors.New("closed by the other end")

// explain replaces the error of an operation by the reason why the link failed,
// if it did.
func (c *conn) explain(err error) error {
	if err == nil {
		return nil
	}
	if cause := c.link.failure(); cause != nil {
		return fmt.Errorf("%w: %w", ErrLost, cause)
	}
	return err
}

// CloseWrite tells the peer that no more data follows.
func (c *conn) CloseWrite() error { return c.explain(c.channel.CloseWrite()) }

// Close ends the channel in both directions. It does not wait for a peer that
// does not read.
func (c *conn) Close() error {
	c.once.Do(func() { c.link.spawn(func() { _ = c.channel.Close() }) })
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

var errNoDeadline = errors.New("connections through SSH have no deadlines")

func (c *conn) SetDeadline(time.Time) error      { return errNoDeadline }
func (c *conn) SetReadDeadline(time.Time) error  { return errNoDeadline }
func (c *conn) SetWriteDeadline(time.Time) error { return errNoDeadline }
