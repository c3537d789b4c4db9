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

// prepare asks for a way to a data connection.
func (c *modelClient) prepare(ctx context.Context, st *step) *prepared {
	p, raw := &prepared{}, st.prepare[:1]+strings.ToLower(st.prepare[1:]) // we write in upper case only
	if st.prepare == "PORT" || st.prepare == "EPRT" {
		host := addrOf(c.conn.LocalAddr()).Addr()
		if st.prepare == "PORT" {
			host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		l, err := c.network.Listen(ctx, "tcp", netip.AddrPortFrom(host, 0).String())
		require.NoError(c.plan.t, err)
		p = c.wait(l)
		at := addrOf(l.Addr())
		if st.prepare == "PORT" {
			raw += " " + formatHostPort(at)
		} else {
			raw += " " + formatExtended(at)
		}
	}
	p.reply = c.say(st, askedPrepare, raw+"\r\n").reply
	c.last = p
	return p
}

// connect opens the client's end of a data connection. Where its command was
// refused the server's comes to the default data port, the first it waits at.
func (c *modelClient) connect(ctx context.Context, p *prepared, m *moved) net.Conn {
	if p.conns == nil {
		return c.dial(ctx, p)
	}
	var conn net.Conn
	came := func() bool {
		conns := p.conns
		if len(c.finals) > p.reply && c.finals[p.reply] >= 400 {
			conns, m.guessed = c.waiting[0].conns, true
		}
		select {
		case conn = <-conns:
			return true
		default:
			return false
		}
	}
	c.await(patience, func() bool { return came() || c.over || len(c.finals) > m.reply })
	if conn == nil { // a success can be a moment before its connection
		c.await(time.Second, came)
	}
	return conn
}

// wait takes connections at l until it is closed.
func (c *modelClient) wait(l net.Listener) *prepared {
	p := &prepared{listener: l, conns: make(chan net.Conn, 256)}
	c.moves.Go(func() {
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
	c.waiting = append(c.waiting, p)
	c.mu.Unlock()
	return p
}

// leave closes whatever is open.
func (c *modelClient) leave() {
	_ = c.conn.Close()
	for _, p := range c.waiting {
		_ = p.listener.Close()
	}
	c.moves.Wait()
	for _, p := range c.waiting {
		p.drain()
	}
}

// drain resets what has come and was not wanted.
func (p *prepared) drain() {
	for len(p.conns) > 0 {
		reset(<-p.conns)
	}
}

func (c *modelClient) dial(ctx context.Context, p *prepared) net.Conn {
	_, line := c.answered(p.reply)
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

// move does a transfer's data.
func (c *modelClient) move(conn net.Conn, m *moved) {
	if conn == nil {
		return
	}
	m.opened = true
	done := make(chan struct{})
	go func() { // what is refused has no data
		if code, _ := c.answered(m.reply); code == 0 || code >= 400 {
			_ = conn.Close()
		}
		<-done
		_ = conn.Close()
	}()
	defer close(done)
	if m.step.upload {
		c.send(conn, m)
	} else {
		c.receive(conn, m)
	}
}

func (c *modelClient) receive(conn net.Conn, m *moved) {
	buf := make([]byte, 8192)
	for {
		n, err := conn.Read(buf)
		m.data = append(m.data, buf[:n]...)
		if err != nil {
			m.ended = err == io.EOF
			return
		}
		if m.step.fault == faultReset && len(m.data) >= m.step.size/2 {
			m.reset = true
			reset(conn)
			return
		}
	}
}

func (c *modelClient) send(conn net.Conn, m *moved) {
	data := payload(m.step.tag, m.step.size)
	if m.step.fault == faultReset || m.step.fault == faultAbort {
		data = data[:len(data)/2]
	}
	for chunk := range pieces(data, 1+m.step.size/3) {
		n, err := conn.Write(chunk)
		m.data = append(m.data, chunk[:n]...)
		if err != nil {
			return
		}
		time.Sleep(m.step.pace)
	}
	switch m.step.fault {
	case faultReset:
		m.reset = true
		reset(conn)
		return
	case faultAbort:
		c.answered(m.reply)
		return
	}
	m.ended = closeWrite(conn) == nil
	_, _ = io.Copy(io.Discard, conn)
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
