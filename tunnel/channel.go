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

// chunk is how much of a Write goes to the channel at a time: one packet.
const chunk = 32 << 10

// A conn is a channel as a net.Conn. It has CloseWrite, and no deadlines.
//
// Reading and writing go through a goroutine each, because nothing but the
// peer can free a Read or a Write of a channel: Close of a channel only sends
// a message, and sshd answers it when what it was sent is delivered, which may
// be never. What comes as extended data (RFC 4254, 5.2) is not read: there is
// none on these channels, and a peer that sends it uses up only this channel's
// window.
type conn struct {
	link          *link
	channel       ssh.Channel
	local, remote net.Addr

	in  *io.PipeReader // what receive puts there
	put *io.PipeWriter

	writing  sync.Mutex  // held by Write and CloseWrite
	buffer   []byte      // what is being sent; belongs to send until it answers
	outgoing chan []byte // to send: part of buffer, or nil for the end of file
	sent     chan error  // send's answer

	once   sync.Once
	closed chan struct{}
}

func newConn(l *link, channel ssh.Channel, local, remote net.Addr) *conn {
	c := &conn{
		link: l, channel: channel, local: local, remote: remote,
		outgoing: make(chan []byte), sent: make(chan error), closed: make(chan struct{}),
	}
	c.in, c.put = io.Pipe()
	return c
}

// receive carries what arrives to whoever reads, then says how it ended.
func (c *conn) receive() {
	defer c.link.forget(c)
	_, err := io.Copy(c.put, c.channel)
	if lost := c.link.verdict(); lost != nil {
		err = lost
	}
	c.put.CloseWithError(err)
}

// send passes to the channel what is written, one chunk at a time.
func (c *conn) send() {
	for {
		var err error
		select {
		case p := <-c.outgoing:
			if p == nil {
				err = c.channel.CloseWrite()
			} else {
				_, err = c.channel.Write(p)
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

// Write returns once the channel has taken all of p. It may be called from
// several goroutines.
func (c *conn) Write(p []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for n < len(p) {
		// Once closed, the buffer may still be send's.
		if err := c.ended(); err != nil {
			return n, err
		}
		if c.buffer == nil {
			c.buffer = make([]byte, chunk)
		}
		size := copy(c.buffer, p[n:])
		if err := c.hand(c.buffer[:size]); err != nil {
			return n, err
		}
		n += size
	}
	return n, nil
}

// CloseWrite sends an end of file; reading goes on.
func (c *conn) CloseWrite() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.hand(nil)
}

// hand gives p to send and waits until it is dealt with. The caller holds
// writing.
func (c *conn) hand(p []byte) error {
	select {
	case c.outgoing <- p:
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
		if lost := c.link.verdict(); lost != nil {
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

// ended returns why nothing more can be sent, or nil.
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

// Close ends both directions and frees whoever reads or writes. What was
// written before is still delivered. It does not block.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.in.Close()
		// The message may have to wait for a peer that does not read.
		c.link.start(func() { c.channel.Close() })
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *conn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *conn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// A farAddr is an address whose host is a name that only the far end knows.
type farAddr string

func (farAddr) Network() string  { return "tcp" }
func (a farAddr) String() string { return string(a) }

// addrOf returns the address of host, which may be a name or empty, and port.
func addrOf(host string, port uint32) net.Addr {
	if ip, err := netip.ParseAddr(host); err == nil && port <= 65535 {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(port)))
	}
	return farAddr(net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10)))
}
