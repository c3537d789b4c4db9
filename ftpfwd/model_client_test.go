package ftpfwd

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"iter"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// A modelClient speaks to the forwarder as a plan says, counts replies off
// against its commands, and keeps what really happened on its side.
type modelClient struct {
	plan    *plan
	network Network
	conn    net.Conn
	pending []byte // said, but not sent yet

	mu      sync.Mutex
	changed chan struct{}
	asked   []*asked
	wants   int    // final replies that the commands so far will get
	heard   []byte // every byte
	finals  []int  // their codes
	lines   []string
	over    bool
	greeted bool

	last     *prepared // the last way to a data connection
	waiting  []*prepared
	reusable bool // last may serve for another transfer
	moves    sync.WaitGroup
}

// asked is a command line as the client said it.
type asked struct {
	raw      []byte
	step     *step
	kind     askedKind
	reply    int // which of the final replies is its own, -1 if none is
	transfer *moved
}

type askedKind int

const (
	askedPass    askedKind = iota // goes to the server as it is
	askedRefused                  // is answered by the forwarder
	askedPrepare                  // PASV, EPSV, PORT, EPRT
	askedMove                     // a transfer command
	askedAbort
	askedNothing // an empty line
)

// prepared is a way to a data connection, from the client's side.
type prepared struct {
	reply    int // to PASV or EPSV
	listener net.Listener
	conns    chan net.Conn // that came to the listener
}

// moved is a transfer as the client saw it.
type moved struct {
	step    *step
	reply   int
	data    []byte // read, or written
	ended   bool   // well: the end of data was read, or everything was written and ended
	reset   bool   // by the client
	aborted bool
	opened  bool // the client had a data connection
	done    bool
	fresh   bool // the client has prepared for this one alone
	alone   bool // no other command is under way with it
	guessed bool // its connection is one to the default data port
}

func (c *modelClient) signal() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until done, checked under the lock, holds, or the limit is over.
func (c *modelClient) await(limit time.Duration, done func() bool) bool {
	timeout := time.After(limit)
	for {
		c.mu.Lock()
		ok, changed := done(), c.changed
		c.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-timeout:
			return false
		}
	}
}

// answered waits for the final reply of number n, and returns its code and last
// line; 0 if the control connection ended before.
func (c *modelClient) answered(n int) (code int, line string) {
	c.await(patience, func() bool { return c.over || len(c.finals) > n })
	c.mu.Lock()
	defer c.mu.Unlock()
	if n >= len(c.finals) {
		return 0, ""
	}
	return c.finals[n], c.lines[n]
}

// listen reads replies until the control connection ends.
func (c *modelClient) listen() {
	in := bufio.NewReader(c.conn)
	open := ""
	for {
		line, err := in.ReadString('\n')
		c.mu.Lock()
		c.heard = append(c.heard, line...)
		text := strings.TrimRight(line, "\r\n")
		switch {
		case len(text) < 3:
		case open == "" && len(text) > 3 && text[3] == '-':
			open = text[:3] + " "
		case open == "" || strings.HasPrefix(text, open):
			open = ""
			if code := int(text[0]-'0')*100 + int(text[1]-'0')*10 + int(text[2]-'0'); c.greeted && code >= 200 {
				c.finals, c.lines = append(c.finals, code), append(c.lines, text)
			}
			c.greeted = true
		}
		c.over = c.over || err != nil
		c.signal()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// say puts a command behind what is to be sent.
func (c *modelClient) say(st *step, kind askedKind, raw string) *asked {
	a := &asked{raw: []byte(raw), step: st, kind: kind, reply: -1}
	if kind != askedNothing {
		a.reply = c.wants
		c.wants++
	}
	c.asked = append(c.asked, a)
	c.pending = append(c.pending, raw...)
	return a
}

// flush sends what was said, in segments as the step says.
func (c *modelClient) flush(st *step) {
	b := c.pending
	c.pending = nil
	for _, piece := range segments(b, st.segments) {
		if _, err := c.conn.Write(piece); err != nil {
			return
		}
		if len(piece) < len(b) {
			time.Sleep(time.Millisecond)
		}
	}
}

// segments cuts b: not at all, into single bytes, or at odd places.
func segments(b []byte, how int) (pieces [][]byte) {
	size := len(b)
	switch how {
	case 1:
		size = max(1, len(b)/64) // one byte, of what is not too long
	case 2:
		size = 7
	case 3:
		size = len(b)/2 + 1
	}
	for ; len(b) > 0; b = b[min(size, len(b)):] {
		pieces = append(pieces, b[:min(size, len(b))])
	}
	return pieces
}

// settle waits until every command has its answer.
func (c *modelClient) settle(st *step) bool {
	c.flush(st)
	return c.await(patience, func() bool { return c.over || c.greeted && len(c.finals) >= c.wants })
}

// settled reports whether every command has its answer now.
func (c *modelClient) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.finals) >= c.wants
}

// quiet waits until all but the ABOR said last is answered and nothing has been
// heard for long, and counts anew: how many replies an ABOR gets varies.
func (c *modelClient) quiet(st *step) {
	c.flush(st)
	c.await(patience, func() bool { return c.over || len(c.finals) >= c.wants-1 })
	for n := -1; ; {
		c.mu.Lock()
		now := len(c.heard)
		c.mu.Unlock()
		if now == n {
			break
		}
		n = now
		time.Sleep(30 * time.Second)
	}
	c.wants = len(c.finals)
}

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
	c.await(patience, func() bool {
		conns := p.conns
		if len(c.finals) > p.reply && c.finals[p.reply] >= 400 {
			conns, m.guessed = c.waiting[0].conns, true
		}
		select {
		case conn = <-conns:
			return true
		default:
			return c.over || len(c.finals) > m.reply && c.finals[m.reply] >= 400
		}
	})
	return conn
}

// wait takes connections at l until it is closed.
func (c *modelClient) wait(l net.Listener) *prepared {
	p := &prepared{listener: l, conns: make(chan net.Conn, 16)}
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
	c.waiting = append(c.waiting, p)
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
