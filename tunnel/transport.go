package tunnel

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxFirst bounds the first bytes that a transport keeps.
const maxFirst = 256

// A transport is the connection below an SSH connection. x/crypto makes a
// failed one look like a clean end of file on every channel, so it remembers
// that it failed, and why, before any channel can tell.
type transport struct {
	net.Conn
	lastRead atomic.Int64 // when something was last read, in Unix nanoseconds

	mu     sync.Mutex
	failed error  // why it is of no use any more
	first  []byte // what the server said first
}

func newTransport(c net.Conn) *transport {
	t := &transport{Conn: c}
	t.lastRead.Store(time.Now().UnixNano())
	return t
}

// Read reads and remembers. An end of file is a failure: SSH connections do not
// end like that while there is something to be said.
func (t *transport) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		t.lastRead.Store(time.Now().UnixNano())
		quickAck(t.Conn)
		t.mu.Lock()
		if len(t.first) < maxFirst {
			t.first = append(t.first, b[:min(n, maxFirst-len(t.first))]...)
		}
		t.mu.Unlock()
	}
	if err != nil {
		err = t.fail(err)
	}
	return n, err
}

func (t *transport) Write(b []byte) (int, error) {
	n, err := t.Conn.Write(b)
	if err != nil {
		err = t.fail(err)
	}
	return n, err
}

// Close closes t. Without a reason before, that is the reason.
func (t *transport) Close() error {
	_ = t.fail(ErrClosed)
	return t.Conn.Close()
}

// fail records that t has failed with err, if it has not before, and returns
// why it first did.
func (t *transport) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
	return t.failed
}

// failure returns why t has failed, or nil.
func (t *transport) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// said returns the first bytes that were read.
func (t *transport) said() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first
}

// RemoteAddr returns the peer's address; an unspecified one where the
// connection below has none that package ssh can read.
func (t *transport) RemoteAddr() net.Addr {
	if a, ok := t.Conn.RemoteAddr().(*net.TCPAddr); ok {
		return a
	}
	return &net.TCPAddr{IP: net.IPv4zero}
}
