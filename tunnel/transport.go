package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

var (
	errHungUp = errors.New("closed by the other side")

	// errEnded is the cause when the ssh package closed the connection: the
	// error that it returns elsewhere says more.
	errEnded = errors.New("SSH protocol ended")
)

// greetingSize bounds how much of what a server says first is kept.
const greetingSize = 256

// A transport is the connection under an SSH connection. The ssh package tells
// the end of a channel and the end of everything alike, as an end of file on
// each channel, so the transport remembers for it why it ended, and remembers
// it before the ssh package hears of it.
type transport struct {
	net.Conn
	acknowledge func() // asks the kernel to acknowledge at once; may be nil

	mu       sync.Mutex
	changed  *sync.Cond // reading or cause has changed
	reading  bool       // a Read is under way
	cause    error      // why the transport ended; nil while it is well
	heard    time.Time  // when a Read last returned something
	greeting []byte     // what was read first
}

func newTransport(conn net.Conn) *transport {
	t := &transport{Conn: conn, acknowledge: quickAck(conn), heard: time.Now()}
	t.changed = sync.NewCond(&t.mu)
	return t
}

func (t *transport) Read(p []byte) (int, error) {
	t.mu.Lock()
	t.reading = true
	t.changed.Broadcast()
	t.mu.Unlock()

	n, err := t.Conn.Read(p)
	if err != nil {
		t.fail(err)
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	t.reading = false
	if n > 0 {
		t.heard = time.Now()
		if room := greetingSize - len(t.greeting); room > 0 {
			t.greeting = append(t.greeting, p[:min(n, room)]...)
		}
		if t.acknowledge != nil {
			t.acknowledge()
		}
	}
	return n, err
}

func (t *transport) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	if err != nil {
		t.fail(err)
	}
	return n, err
}

// Close is what the ssh package calls.
func (t *transport) Close() error {
	t.fail(errEnded)
	return nil
}

// fail closes the connection; the first cause is the one that counts. It does
// not block.
func (t *transport) fail(cause error) {
	if errors.Is(cause, io.EOF) {
		// Nobody may take the loss of everything for the end of one file.
		cause = errHungUp
	}
	t.mu.Lock()
	if t.cause == nil {
		t.cause = cause
	}
	t.changed.Broadcast()
	t.mu.Unlock()
	t.Conn.Close()
}

// await waits until nothing runs any more that the connection needed. The
// transport must have failed.
func (t *transport) await() {
	if c, ok := t.Conn.(*commandConn); ok {
		c.await()
	}
}

// alive reports whether the SSH connection goes on, for somebody who has just
// met the end of a channel and wonders which end it was.
//
// Where reading or writing failed, the cause was set before. Where the last
// packet was a disconnect message or could not be decrypted, nothing failed
// down here; but the ssh package then never reads again and closes, and while
// it is well it reads again as soon as it has dealt with what it has. So alive
// waits for the one or the other, without a time limit and without a packet.
//
// One case remains: a peer that breaks the connection protocol (a packet for a
// channel that does not exist) makes the ssh package end the channels while
// its reader waits for more. That end of file is believed unless the close,
// which follows at once, comes first.
func (t *transport) alive() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.cause == nil && !t.reading {
		t.changed.Wait()
	}
	return t.cause == nil
}

// failure returns why the transport ended, or err, with which the ssh package
// ended, if it ended the transport.
func (t *transport) failure(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cause != nil && t.cause != errEnded {
		return t.cause
	}
	if errors.Is(err, io.EOF) {
		return errHungUp
	}
	return err
}

// silence returns for how long nothing has been read.
func (t *transport) silence() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.heard)
}

// stranger returns the first line of what was read if no SSH identification
// (RFC 4253, 4.2) is in it.
func (t *transport) stranger() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if bytes.HasPrefix(t.greeting, []byte("SSH-")) || bytes.Contains(t.greeting, []byte("\nSSH-")) {
		return ""
	}
	line, _, _ := bytes.Cut(t.greeting, []byte("\n"))
	return string(bytes.TrimSpace(line[:min(len(line), 80)]))
}

// RemoteAddr returns the peer's address, always as a *net.TCPAddr: what
// verifies host keys may want to take it apart.
func (t *transport) RemoteAddr() net.Addr {
	if addr, ok := t.Conn.RemoteAddr().(*net.TCPAddr); ok {
		return addr
	}
	return &net.TCPAddr{IP: net.IPv4zero}
}
