package memnet

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// window bounds the unread bytes in one direction.
const window = 64 << 10

// A Conn is one end of a connection.
type Conn struct {
	in, out       *stream
	local, remote net.Addr
	resetless     bool

	mu     sync.Mutex
	linger int
	closed bool
}

// Pipe returns the two ends of a connection between 127.0.0.1 and itself.
func Pipe() (a, b *Conn) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return pipe(netip.AddrPortFrom(loopback, 50000), netip.AddrPortFrom(loopback, 21), false)
}

func pipe(a, b netip.AddrPort, resetless bool) (*Conn, *Conn) {
	ab, ba := newStream(), newStream()
	la, lb := net.TCPAddrFromAddrPort(a), net.TCPAddrFromAddrPort(b)
	return &Conn{in: ba, out: ab, local: la, remote: lb, resetless: resetless, linger: -1},
		&Conn{in: ab, out: ba, local: lb, remote: la, resetless: resetless, linger: -1}
}

func (c *Conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *Conn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *Conn) LocalAddr() net.Addr         { return c.local }
func (c *Conn) RemoteAddr() net.Addr        { return c.remote }

// Buffered returns how many bytes can be read.
func (c *Conn) Buffered() int {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return len(c.in.buf)
}

// Ended reports whether the peer has ended its data, or the connection failed.
func (c *Conn) Ended() bool {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.ended || c.in.readErr != nil
}

// Fail makes the connection fail with err, in both directions.
func (c *Conn) Fail(err error) error {
	c.in.fail(err)
	c.out.fail(err)
	return nil
}

// CloseWrite ends the data to the peer.
func (c *Conn) CloseWrite() error {
	c.out.end()
	return nil
}

// SetLinger, with 0, makes Close reset the connection.
func (c *Conn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linger = sec
	return nil
}

// Close ends both directions. The peer reads what was written and then the end of
// data, unless the connection is reset: after SetLinger(0), or if data is unread,
// as with TCP.
func (c *Conn) Close() error {
	c.mu.Lock()
	closed, linger := c.closed, c.linger
	c.closed = true
	c.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	unread := c.in.abandon()
	if !c.resetless && (linger == 0 || unread) {
		c.out.fail(syscall.ECONNRESET)
	} else {
		c.out.end()
	}
	return nil
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// SetDeadline, SetReadDeadline and SetWriteDeadline are not supported.
func (c *Conn) SetDeadline(time.Time) error      { return syscall.ENOTSUP }
func (c *Conn) SetReadDeadline(time.Time) error  { return syscall.ENOTSUP }
func (c *Conn) SetWriteDeadline(time.Time) error { return syscall.ENOTSUP }

// A stream is one direction.
type stream struct {
	mu      sync.Mutex
	changed *sync.Cond
	buf     []byte
	ended   bool  // no more will be written
	readErr error // returned instead of all data
	gone    bool  // the reader has closed it
}

func newStream() *stream {
	s := &stream{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) == 0 && !s.ended && s.readErr == nil && !s.gone {
		s.changed.Wait()
	}
	switch {
	case s.gone:
		return 0, net.ErrClosed
	case s.readErr != nil:
		return 0, s.readErr
	case len(s.buf) == 0:
		return 0, io.EOF
	}
	n := copy(b, s.buf)
	s.buf = s.buf[n:]
	s.changed.Broadcast()
	return n, nil
}

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(b) {
		for len(s.buf) >= window && !s.ended && s.readErr == nil && !s.gone {
			s.changed.Wait()
		}
		switch {
		case s.readErr != nil:
			return n, s.readErr
		case s.ended:
			return n, net.ErrClosed
		case s.gone:
			return n, errBroken
		}
		m := min(len(b)-n, window-len(s.buf))
		s.buf = append(s.buf, b[n:n+m]...)
		n += m
		s.changed.Broadcast()
	}
	return n, nil
}

func (s *stream) end()           { s.change(func() { s.ended = true }) }
func (s *stream) fail(err error) { s.change(func() { s.readErr = err }) }

// abandon closes the reader's end, and reports whether unread data is left.
func (s *stream) abandon() (unread bool) {
	s.change(func() {
		unread = len(s.buf) > 0
		s.gone = true
	})
	return unread
}

func (s *stream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.changed.Broadcast()
}
