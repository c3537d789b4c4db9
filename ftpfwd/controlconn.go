package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// maxQueued bounds the bytes that wait to be written to one side before the
// other is read no further.
const maxQueued = 64 << 10

// A controlConn is the control connection to one side. Its two goroutines only
// move bytes; the session decides what they mean.
type controlConn struct {
	side  Side
	conn  net.Conn // nil until it is open
	lines lineReader

	more     chan struct{} // lets the reader continue
	paused   bool          // the reader waits for more
	ended    bool          // the peer has ended its data
	received int64         // bytes so far
	spoken   bool          // its first line has been looked at
	goodbye  bool          // the peer has announced the end: the client with QUIT, the server with 221 or 421

	out     chan []byte // to the writer
	writing bool        // the writer has not returned yet
	queued  []byte      // what is written next, in one piece
	shut    shutState   // of the direction to the peer
	failed  bool        // writing failed: what is queued is dropped
}

// A shutState says whether the peer of a connection gets an end of file.
type shutState int

const (
	shutNot     shutState = iota
	shutPending           // once all has been written
	shutDone
)

func newControlConn(side Side) *controlConn {
	return &controlConn{side: side, more: make(chan struct{}, 1), out: make(chan []byte, 1)}
}

// start gives c its connection, and runs its goroutines until that and s are
// closed.
func (c *controlConn) start(s *session, conn net.Conn) {
	c.conn = conn
	s.spawn(func() { c.read(s) })
	s.spawn(func() { c.write(s) })
}

func (c *controlConn) read(s *session) {
	for {
		buf := make([]byte, 4096)
		n, err := c.conn.Read(buf)
		if !s.post(received{c, buf[:n], err}) || err != nil {
			return
		}
		select {
		case <-c.more:
		case <-s.stopped:
			return
		}
	}
}

func (c *controlConn) write(s *session) {
	for {
		select {
		case b := <-c.out:
			_, err := c.conn.Write(b)
			if !s.post(written{c, err}) || err != nil {
				return
			}
		case <-s.stopped:
			return
		}
	}
}

// received is the event that bytes have arrived; err is io.EOF at the end of
// data.
type received struct {
	from *controlConn
	data []byte
	err  error
}

func (e received) apply(_ context.Context, s *session) {
	c := e.from
	c.paused = true
	c.lines.feed(e.data)
	first := c.received == 0 && len(e.data) > 0
	c.received += int64(len(e.data))
	if c == s.client && (e.err == nil || errors.Is(e.err, io.EOF)) {
		s.reportSuccess()
	}
	if first && c == s.server {
		s.checkSpeaksFTP(e.data)
	}
	if c == s.client && len(e.data) > 0 {
		s.clientContinues(e.data)
	}
	switch {
	case e.err == nil:
	case errors.Is(e.err, io.EOF):
		c.ended = true
		if c == s.client {
			s.awaitArrival()
		}
		if s.ender == NoSide {
			s.ender = c.side
		}
	case c == s.server:
		s.giveUp(fmt.Errorf("control connection to the FTP server: %w", e.err))
	default:
		s.clientFailed(fmt.Errorf("control connection from the client: %w", e.err))
	}
}

// written is the event that the writer has returned.
type written struct {
	to  *controlConn
	err error
}

func (e written) apply(_ context.Context, s *session) {
	e.to.writing = false
	if e.err == nil {
		return
	}
	e.to.failed = true
	if e.to == s.client {
		s.clientFailed(fmt.Errorf("control connection to the client: %w", e.err))
	} else if !s.server.ended {
		s.giveUp(fmt.Errorf("control connection to the FTP server: %w", e.err))
	}
}

// queue adds bytes to what flush writes.
func (c *controlConn) queue(b []byte) {
	if !c.failed {
		c.queued = append(c.queued, b...)
	}
}

// flush hands what is queued to the writer, in one piece, and passes on an end
// of file behind it.
func (c *controlConn) flush() {
	switch {
	case c.writing || c.failed || c.conn == nil:
	case len(c.queued) > 0:
		c.out <- c.queued
		c.queued, c.writing = nil, true
	case c.shut == shutPending:
		c.shut = shutDone
		_ = closeWrite(c.conn)
	}
}

// shutdown passes an end of file to the peer once all has been written.
func (c *controlConn) shutdown() {
	if c.shut == shutNot {
		c.shut = shutPending
	}
}

// readOn lets the reader continue if it waits.
func (c *controlConn) readOn() {
	if c.paused && !c.ended {
		c.paused = false
		c.more <- struct{}{}
	}
}

// giveUp drops all that goes to the peer and has come from it: it is gone.
func (c *controlConn) giveUp() {
	c.failed, c.ended, c.queued, c.lines = true, true, nil, lineReader{}
}

func (c *controlConn) close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

// idle reports whether all that was queued has been written, or cannot be.
func (c *controlConn) idle() bool { return c.failed || (!c.writing && len(c.queued) == 0) }

// full reports whether so much is queued that the other side must wait.
func (c *controlConn) full() bool { return len(c.queued) >= maxQueued }

// closeWrite ends the data towards c's peer, or closes c if it cannot.
func closeWrite(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

// reset closes c so that its peer sees a failure instead of an end of file, if
// the network can signal that.
func reset(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}
