package ftpfwd

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"time"
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
