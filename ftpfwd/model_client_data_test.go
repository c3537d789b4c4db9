package ftpfwd

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// openPath sends a command that opens a path.
func (c *modelClient) openPath(ctx context.Context, st *step) *clientPath {
	p, raw := &clientPath{}, st.method[:1]+strings.ToLower(st.method[1:]) // the forwarder's own commands are in upper case
	if st.method == "PORT" || st.method == "EPRT" {
		host := addrOf(c.conn.LocalAddr()).Addr()
		if st.method == "PORT" {
			host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		l, err := c.network.Listen(ctx, "tcp", netip.AddrPortFrom(host, 0).String())
		require.NoError(c.plan.t, err)
		p = c.acceptFrom(l)
		at := addrOf(l.Addr())
		if st.method == "PORT" {
			raw += " " + formatHostPort(at)
		} else {
			raw += " " + formatExtended(at)
		}
	}
	if c.plan.wrong != "" {
		c.awaitReplies(st)
	}
	c.mu.Lock()
	c.kept.close()
	c.lastPath = p
	c.mu.Unlock()
	p.reply = c.queue(st, classOpen, raw+"\r\n").reply
	if c.plan.wrong != "" {
		c.awaitReplies(st) // with other commands outstanding, nobody can say whose reply it is
	}
	return p
}

// connect opens the client's end of a data connection. If the command that opens a
// path was refused, the connection comes to the default data port, which is the
// first path.
func (c *modelClient) connect(ctx context.Context, p *clientPath, m *clientTransfer) net.Conn {
	if p.conns == nil {
		return c.dial(ctx, p)
	}
	var conn net.Conn
	came := func() bool {
		conns := p.conns
		if len(c.finalCodes) > p.reply && c.finalCodes[p.reply] >= 400 {
			conns, m.defaultPort = c.paths[0].conns, true
		}
		select {
		case conn = <-conns:
			return true
		default:
			return false
		}
	}
	c.await(modelTimeout, func() bool { return came() || c.ended || len(c.finalCodes) > m.reply })
	if conn == nil { // a success may arrive shortly before its connection
		c.await(time.Second, came)
	}
	return conn
}

// acceptFrom accepts connections from l until it is closed.
func (c *modelClient) acceptFrom(l net.Listener) *clientPath {
	p := &clientPath{listener: l, conns: make(chan net.Conn, 256)}
	c.goroutines.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.conns <- conn
			c.mu.Lock()
			c.signal()
			c.mu.Unlock()
		}
	})
	c.mu.Lock()
	c.paths = append(c.paths, p)
	c.mu.Unlock()
	return p
}

// closeAll closes everything, and waits for the client's goroutines.
func (c *modelClient) closeAll() {
	_ = c.conn.Close()
	for _, p := range c.paths {
		_ = p.listener.Close()
	}
	c.goroutines.Wait()
	c.kept.close()
	for _, p := range c.paths {
		p.resetArrived()
	}
}

// resetArrived resets the connections that have arrived and were not used.
func (p *clientPath) resetArrived() {
	for len(p.conns) > 0 {
		reset(<-p.conns)
	}
}

// dial connects to the address in the reply to PASV or EPSV. It returns nil if there
// is none, or if the dial fails.
func (c *modelClient) dial(ctx context.Context, p *clientPath) net.Conn {
	_, line := c.finalReply(p.reply)
	host, port := addrOf(c.conn.RemoteAddr()).Addr(), uint16(0)
	switch {
	case strings.HasPrefix(line, "227"):
		start, end := findHostPort(line[4:])
		if start < 0 {
			return nil
		}
		at := hostPort(line[4+start : 4+end])
		c.plan.assert(at.Addr() == host || (host.Is6() && at.Addr().IsUnspecified()), "a 227 names %v", at)
		port = at.Port()
	case strings.HasPrefix(line, "229"):
		a, _ := findPort(line[4:])
		port = a.addr.Port()
	default:
		return nil
	}
	conn, err := c.network.DialContext(ctx, "tcp", netip.AddrPortFrom(host, port).String())
	if err != nil {
		return nil
	}
	return conn
}

// transferData moves the data of a transfer, on a connection of p.
func (c *modelClient) transferData(conn net.Conn, p *clientPath, m *clientTransfer) {
	if conn == nil {
		return
	}
	m.connected = true
	done, closed := make(chan struct{}), make(chan struct{})
	go func() { // a refused transfer has no data
		defer close(closed)
		code, _ := c.finalReply(m.reply)
		if code == 0 || code >= 400 {
			_ = conn.Close()
		}
		<-done
		if !c.keep(conn, p, m, code) {
			_ = conn.Close()
		}
	}()
	if m.step.upload {
		c.upload(conn, m)
	} else {
		c.download(conn, m)
	}
	close(done)
	if c.plan.transmission.keeps {
		<-closed
	}
}

// takeKept returns the connection that the transfer before has left, or nil.
func (c *modelClient) takeKept() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.take()
}

// keep reports whether the connection of a transfer is kept for the next one, which
// opens no path.
func (c *modelClient) keep(conn net.Conn, p *clientPath, m *clientTransfer, code int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ok := c.plan.transmission.keeps && code/100 == 2 && m.whole && !m.step.hasty && c.lastPath == p && !c.ended
	if ok {
		c.kept.conn = conn
	}
	return ok
}

func (c *modelClient) download(conn net.Conn, m *clientTransfer) {
	buf := make([]byte, 8192)
	for {
		n, err := conn.Read(buf)
		m.data = append(m.data, buf[:n]...)
		if err != nil {
			m.whole = err == io.EOF && (len(m.data) == len(m.step.content) || !c.plan.transmission.marksEnds())
			return
		}
		if c.plan.transmission.keeps && len(m.data) == len(m.step.content) {
			m.whole = true
			return
		}
		if m.step.fault == faultReset && len(m.data) >= len(m.step.content)/2 {
			m.wasReset = true
			reset(conn)
			return
		}
	}
}

func (c *modelClient) upload(conn net.Conn, m *clientTransfer) {
	data := m.step.content
	if m.step.fault == faultReset || m.step.fault == faultAbort {
		data = data[:len(data)/2]
	}
	for chunk := range pieces(data, 1+len(m.step.content)/3) {
		n, err := conn.Write(chunk)
		m.data = append(m.data, chunk[:n]...)
		if err != nil {
			return
		}
		time.Sleep(m.step.pace)
	}
	switch m.step.fault {
	case faultReset:
		m.wasReset = true
		reset(conn)
		return
	case faultAbort:
		c.finalReply(m.reply)
		return
	}
	end := closeWrite
	if m.step.hasty {
		end = net.Conn.Close
	}
	stays := c.plan.transmission.keeps && !m.step.hasty
	ok := stays || end(conn) == nil
	c.mu.Lock()
	m.whole = ok
	c.signal()
	c.mu.Unlock()
	if !stays {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// pieces cuts b into pieces of n bytes.
func pieces(b []byte, n int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for ; len(b) > 0 && yield(b[:min(n, len(b))]); b = b[min(n, len(b)):] {
		}
	}
}

// payload is the data of a transfer.
func payload(tag, size int) []byte {
	return bytes.Repeat([]byte{byte('a' + tag%26), byte(tag), 0, 255, '\r', '\n', '.'}, size/7+1)[:size]
}
