package greeting

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"
)

// quitAtMost is how long [Conn.Quit] waits for the server.
const quitAtMost = 2 * time.Second

// A Conn is a control connection whose server has greeted. Read returns the
// greeting first.
type Conn struct {
	net.Conn

	mu    sync.Mutex
	first bytes.Buffer // what was received and not read yet

	watched chan struct{} // closed when the watch has ended; nil if there is none
	err     error         // of the watch's Read; set before watched is closed
}

// recorder returns c as a connection whose bytes Read of c returns again.
func (c *Conn) recorder() io.ReadWriteCloser {
	type recorded struct {
		io.Reader
		io.WriteCloser
	}
	return recorded{&Bounded{io.TeeReader(c.Conn, &c.first), maxReceived, errTooLong}, c.Conn}
}

// Read returns the greeting, then what the server sends.
func (c *Conn) Read(p []byte) (int, error) {
	if n := c.readFirst(p); n > 0 {
		return n, nil
	}
	if c.watched == nil {
		return c.Conn.Read(p)
	}
	<-c.watched
	if n := c.readFirst(p); n > 0 {
		return n, nil
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(p)
}

func (c *Conn) readFirst(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _ := c.first.Read(p)
	return n
}

// Watch returns a channel that is closed when the server sends more than the
// greeting, or the connection ends. What was sent is not lost: Read returns it.
// Call Watch at most once, before c is used otherwise; Close ends the watch.
func (c *Conn) Watch() (stirred <-chan struct{}) {
	c.watched = make(chan struct{})
	go func() {
		p := make([]byte, 4096)
		n, err := c.Conn.Read(p)
		c.mu.Lock()
		c.first.Write(p[:n])
		c.mu.Unlock()
		c.err = err
		close(c.watched)
	}()
	return c.watched
}

// Close closes the connection.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	if c.watched != nil {
		<-c.watched
	}
	return err
}

// CloseWrite sends an end of file.
func (c *Conn) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// Quit ends the session with QUIT, waits until the server has ended it too, so
// that the place of this client is free, and closes c. It waits for at most two
// seconds.
func (c *Conn) Quit() { Quit(c) }

// Quit is [Conn.Quit] for any control connection.
func Quit(conn net.Conn) {
	limit := time.AfterFunc(quitAtMost, func() { _ = conn.Close() })
	defer limit.Stop()
	if _, err := io.WriteString(conn, "QUIT\r\n"); err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
	_ = conn.Close()
}
