package tunnel

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// maxChunk is how much of a Write the channel sends at a time: one packet.
const maxChunk = 32 << 10

// A conn is a channel as a [net.Conn]. It has a CloseWrite method and no
// deadlines.
//
// A goroutine reads from the channel and another writes to it, because only the
// peer can unblock a Read or a Write of a channel. Closing the channel sends a
// message, which sshd answers once it has delivered what it received, and that
// may be never.
//
// Extended data (RFC 4254, section 5.2) is not read. These channels have none,
// and a peer that sends it uses up the window of this channel only.
type conn struct {
	link          *link
	channel       ssh.Channel
	local, remote net.Addr

	// receive copies from the channel to Read.
	in       *io.PipeReader
	received *io.PipeWriter

	// send copies from Write to the channel.
	writing  sync.Mutex    // held by Write and CloseWrite
	buffer   []byte        // owned by send from outgoing until sent
	outgoing chan outgoing // what to send next
	sent     chan error    // the result

	closing sync.Once
	closed  chan struct{}
}

// An outgoing is what Write and CloseWrite pass to send.
type outgoing struct {
	data  []byte          // a part of buffer, or nil for CloseWrite
	after <-chan struct{} // closed once what must be sent before is sent
}

func newConn(l *link, channel ssh.Channel, local, remote net.Addr) *conn {
	c := &conn{
		link: l, channel: channel, local: local, remote: remote,
		outgoing: make(chan outgoing), sent: make(chan error), closed: make(chan struct{}),
	}
	c.in, c.received = io.Pipe()
	return c
}

// receive passes data from the channel to Read, and then how the channel ended.
func (c *conn) receive() {
	defer c.link.remove(c)
	_, err := io.Copy(c.received, c.channel)
	if lost := c.link.lost(); lost != nil {
		err = lost
	}
	c.received.CloseWithError(err)
}

// send passes data from Write to the channel.
func (c *conn) send() {
	for {
		var err error
		select {
		case o := <-c.outgoing:
			select {
			case <-o.after:
			case <-c.closed:
				return
			case <-c.link.done:
				return
			}
			if o.data == nil {
				err = c.channel.CloseWrite()
			} else {
				_, err = c.channel.Write(o.data)
			}
		case <-c.closed:
			return
		case <-c.link.done:
			return
		}
		select {
		case c.sent <- err:
		case <-c.closed:
			return
		case <-c.link.done:
			return
		}
	}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

// Write returns once all of p is on its way, after what earlier calls for other
// connections have sent. Concurrent calls are safe.
func (c *conn) Write(p []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for n < len(p) {
		// After Close, send may still use the buffer.
		if err := c.ended(); err != nil {
			return n, err
		}
		if c.buffer == nil {
			c.buffer = make([]byte, maxChunk)
		}
		size := copy(c.buffer, p[n:])
		if err := c.submit(c.buffer[:size]); err != nil {
			return n, err
		}
		n += size
	}
	return n, nil
}

// CloseWrite sends an end of file (RFC 4254, section 5.3). It returns once that is
// on its way, after what earlier calls for other connections have sent. Read
// still works.
func (c *conn) CloseWrite() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.submit(nil)
}

// submit has send process p and waits for the result. The caller holds writing.
func (c *conn) submit(p []byte) error {
	select {
	case c.outgoing <- outgoing{p, c.link.sender.flushed()}:
	case <-c.closed:
		return c.ended()
	case <-c.link.done:
		return c.ended()
	}
	select {
	case err := <-c.sent:
		if err == nil {
			return nil
		}
		if lost := c.link.lost(); lost != nil {
			return lost
		}
		// The peer has closed the channel.
		return io.ErrClosedPipe
	case <-c.closed:
		return c.ended()
	case <-c.link.done:
		return c.ended()
	}
}

// ended returns why nothing can be sent, or nil.
func (c *conn) ended() error {
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	select {
	case <-c.link.done:
		return c.link.err
	default:
		return nil
	}
}

// Close ends both directions and unblocks Read and Write. The peer still
// receives what was written before, to this connection and to others. Close does
// not block; what it sends comes before what later calls send.
func (c *conn) Close() error {
	c.closing.Do(func() {
		close(c.closed)
		c.in.Close()
		c.link.sender.add(func() { c.channel.Close() })
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *conn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *conn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// A nameAddr is host:port with a host name that this machine may not know.
type nameAddr string

func (nameAddr) Network() string  { return "tcp" }
func (a nameAddr) String() string { return string(a) }

// addrOf returns the address of port on host, which may be a name or empty.
func addrOf(host string, port uint32) net.Addr {
	if ip, err := netip.ParseAddr(host); err == nil && port <= 65535 {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(port)))
	}
	return nameAddr(net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10)))
}
