package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"regexp"
	"sync"
	"time"
)

var (
	errClosedByPeer = errors.New("connection closed by remote host")

	// errProtocolEnded is the cause if package ssh closed the transport. The
	// error that package ssh returns has the reason.
	errProtocolEnded = errors.New("SSH protocol ended")

	errStranger = errors.New("another protocol")
)

// maxGreeting bounds how much of the first data from the server is kept.
const maxGreeting = 2048

// strangerGrace is how long a server whose first line is of another protocol has
// for an identification string: it may send other lines before that (RFC 4253,
// section 4.2).
const strangerGrace = time.Second

// A transport is the connection that carries an SSH connection. Package ssh
// reports the end of a channel and the end of the whole connection in the same
// way, as an end of file on each channel. So the transport records why it ended,
// before package ssh sees the end.
type transport struct {
	net.Conn
	quickAck func() // see quickAck; may be nil

	mu       sync.Mutex
	changed  *sync.Cond // reading or cause has changed
	reading  bool       // a Read is in progress
	cause    error      // why the transport ended; nil while it is up
	lastRead time.Time  // when a Read last returned data
	greeting []byte     // the first data read
	stranger bool       // greeting began like another protocol
}

func newTransport(conn net.Conn) *transport {
	t := &transport{Conn: conn, quickAck: quickAck(conn), lastRead: time.Now()}
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
		t.lastRead = time.Now()
		if room := maxGreeting - len(t.greeting); room > 0 {
			t.greeting = append(t.greeting, p[:min(n, room)]...)
			if !t.stranger && otherProtocol.Match(t.greeting) {
				t.stranger = true
				time.AfterFunc(strangerGrace, t.failStranger)
			}
		}
		if t.quickAck != nil {
			t.quickAck()
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

// Close is for package ssh.
func (t *transport) Close() error {
	t.fail(errProtocolEnded)
	return nil
}

// fail closes the connection for the given cause, unless it has failed before.
// It does not block.
func (t *transport) fail(cause error) {
	if errors.Is(cause, io.EOF) {
		// Errors of the tunnel must not wrap io.EOF: it would mean the end of a file.
		cause = errClosedByPeer
	}
	t.mu.Lock()
	if t.cause == nil {
		t.cause = cause
	}
	t.changed.Broadcast()
	t.mu.Unlock()
	t.Conn.Close()
}

// wait waits until everything that the connection needed has ended. The
// transport must have failed.
func (t *transport) wait() {
	if c, ok := t.Conn.(*commandConn); ok {
		c.wait()
	}
}

// alive reports whether the SSH connection is up. Call it at the end of a
// channel, to find out whether only the channel has ended.
//
// If a Read or Write failed, the cause is set. If the last packet was a
// disconnect message or could not be decrypted, no Read or Write has failed.
// But package ssh then closes the transport without another Read, and otherwise
// reads again as soon as it has processed the packet. So alive waits until one
// or the other happens. That needs no time limit and no packet from the peer.
//
// One case remains. A peer that violates the connection protocol, with a packet
// for a channel that does not exist, makes package ssh end the channels while
// its Read is in progress. Then alive may return true, unless the close, which
// follows at once, comes first.
func (t *transport) alive() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.cause == nil && !t.reading {
		t.changed.Wait()
	}
	return t.cause == nil
}

// failure returns why the transport ended. If package ssh ended it, that is err,
// the error that package ssh returned.
func (t *transport) failure(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cause != nil && t.cause != errProtocolEnded {
		return t.cause
	}
	if errors.Is(err, io.EOF) {
		return errClosedByPeer
	}
	return err
}

// idle returns for how long no data has been read.
func (t *transport) idle() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.lastRead)
}

// otherProtocol matches the first line of FTP, SMTP and NNTP (a code), HTTP, IMAP,
// POP3, VNC and rsync, and a TLS record.
var otherProtocol = regexp.MustCompile(`^(?:[1-5][0-9][0-9][ -]|HTTP/|\* OK|\+OK|RFB |@RSYNCD:|[\x15\x16]\x03)`)

// failStranger fails a transport on which there is no identification string yet,
// and none can have been missed.
func (t *transport) failStranger() {
	t.mu.Lock()
	full := len(t.greeting) == maxGreeting
	t.mu.Unlock()
	if !full && t.notSSH() != "" {
		t.fail(errStranger)
	}
}

// notSSH returns the first line that was read, or an empty string if the data
// contains an identification string (RFC 4253, section 4.2).
func (t *transport) notSSH() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if bytes.HasPrefix(t.greeting, []byte("SSH-")) || bytes.Contains(t.greeting, []byte("\nSSH-")) {
		return ""
	}
	line, _, _ := bytes.Cut(t.greeting, []byte("\n"))
	return string(bytes.TrimSpace(line[:min(len(line), 80)]))
}

// RemoteAddr returns the address of the peer. It is always a *net.TCPAddr,
// which functions that verify host keys may expect.
func (t *transport) RemoteAddr() net.Addr {
	if addr, ok := t.Conn.RemoteAddr().(*net.TCPAddr); ok {
		return addr
	}
	return &net.TCPAddr{IP: net.IPv4zero}
}
