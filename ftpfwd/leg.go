package ftpfwd

import "net"

// maxQueued bounds the bytes that wait to be written to one side before the
// other is read no further.
const maxQueued = 64 << 10

// A leg is one side of a control connection: the client's or the server's. Its
// two goroutines only move bytes; the session decides what they are.
type leg struct {
	conn  net.Conn // nil until there is one
	lines lineReader

	more    chan struct{} // lets the reader go on
	paused  bool          // the reader waits for more
	ended   bool          // the peer ended its data
	out     chan []byte   // to the writer
	writing bool          // the writer has not come back yet
	pending []byte        // what goes out next, together
	shut    bool          // half-close once all has gone out
	isShut  bool
	failed  bool // writing failed: what is queued goes nowhere
}

// Events that a leg's goroutines send to the session.
type (
	received struct { // err is io.EOF at the end of data
		leg  *leg
		data []byte
		err  error
	}
	written struct {
		leg *leg
		err error
	}
)

func newLeg() *leg {
	return &leg{more: make(chan struct{}, 1), out: make(chan []byte, 1)}
}

// start gives the leg its connection, and runs its goroutines until that and s
// are closed.
func (l *leg) start(s *session, conn net.Conn) {
	l.conn = conn
	s.spawn(func() { l.read(s) })
	s.spawn(func() { l.write(s) })
}

func (l *leg) read(s *session) {
	for {
		buf := make([]byte, 4096)
		n, err := l.conn.Read(buf)
		if !s.post(received{l, buf[:n], err}) || err != nil {
			return
		}
		select {
		case <-l.more:
		case <-s.done:
			return
		}
	}
}

func (l *leg) write(s *session) {
	for {
		select {
		case b := <-l.out:
			_, err := l.conn.Write(b)
			if !s.post(written{l, err}) || err != nil {
				return
			}
		case <-s.done:
			return
		}
	}
}

// queue adds bytes to what goes out at the end of the event.
func (l *leg) queue(b []byte) { l.pending = append(l.pending, b...) }

// flush hands what is pending to the writer, in one piece, and passes on a
// half-close behind it.
func (l *leg) flush() {
	switch {
	case l.writing || l.failed || l.conn == nil:
	case len(l.pending) > 0:
		l.out <- l.pending
		l.pending, l.writing = nil, true
	case l.shut && !l.isShut:
		l.isShut = true
		closeWrite(l.conn)
	}
}

// readOn lets the reader go on, if it waits.
func (l *leg) readOn() {
	if l.paused && !l.ended {
		l.paused = false
		l.more <- struct{}{}
	}
}

func (l *leg) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// idle reports whether all that was queued has gone out, or cannot.
func (l *leg) idle() bool { return l.failed || (!l.writing && len(l.pending) == 0) }

// closeWrite ends the data towards c's peer, or closes c if it cannot.
func closeWrite(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

// reset closes c so that its peer sees a failure and no end of file, where c's
// network can say so.
func reset(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}
