package ftpfwd

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"time"
)

// A modelClient sends the commands of a plan, counts the replies, and records what
// happened on its side.
type modelClient struct {
	plan    *plan
	network Network
	conn    net.Conn
	unsent  []byte // queued, but not sent yet

	mu              sync.Mutex
	changed         chan struct{}
	sent            []*clientCommand
	expectedReplies int    // final replies to the commands so far
	received        []byte // every byte
	finalCodes      []int  // of the replies so far
	finalLines      []string
	ended           bool
	greeted         bool

	lastPath   *clientPath // the newest
	paths      []*clientPath
	reusable   bool // lastPath may serve another transfer
	kept       keptConn
	goroutines sync.WaitGroup
}

// A clientCommand is a line that the client sends.
type clientCommand struct {
	raw      []byte
	step     *step
	kind     commandClass
	reply    int // the index of its final reply, or -1 if it has none
	transfer *clientTransfer
}

// A commandClass says what the forwarder does with a command.
type commandClass int

const (
	classPassed   commandClass = iota // goes to the server unchanged
	classRefused                      // the forwarder replies
	classOpen                         // PASV, EPSV, PORT, EPRT
	classTransfer                     // a transfer command
	classAbort
	classEmpty // an empty line
)

// A clientPath is the client's end of a data path.
type clientPath struct {
	reply    int // the index of the final reply to PASV or EPSV
	listener net.Listener
	conns    chan net.Conn // that came to listener
}

// A clientTransfer is the client's side of a transfer.
type clientTransfer struct {
	step        *step
	reply       int
	data        []byte // read or written
	whole       bool   // the end of the data was read, or all of it was written and ended
	wasReset    bool   // by the client
	aborted     bool
	connected   bool // the client had a data connection
	done        bool
	ownPath     bool // the client has opened a path only for this transfer
	alone       bool // no other command is outstanding with it
	defaultPort bool // its connection came to the default data port
}

// signal wakes await. Call it with mu locked.
func (c *modelClient) signal() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until done, which is called with mu locked, returns true. It returns
// false if that takes longer than limit.
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

// finalReply waits for the final reply with index n, and returns its code and last
// line. The code is 0 if the control connection has ended before.
func (c *modelClient) finalReply(n int) (code int, line string) {
	c.await(modelTimeout, func() bool { return c.ended || len(c.finalCodes) > n })
	c.mu.Lock()
	defer c.mu.Unlock()
	if n >= len(c.finalCodes) {
		return 0, ""
	}
	return c.finalCodes[n], c.finalLines[n]
}

// readReplies reads replies until the control connection ends.
func (c *modelClient) readReplies() {
	in := bufio.NewReader(c.conn)
	open := ""
	for {
		line, err := in.ReadString('\n')
		c.mu.Lock()
		c.received = append(c.received, line...)
		text := strings.TrimRight(line, "\r\n")
		switch {
		case len(text) < 3:
		case open == "" && len(text) > 3 && text[3] == '-':
			open = text[:3] + " "
		case open == "" || strings.HasPrefix(text, open):
			open = ""
			if code := int(text[0]-'0')*100 + int(text[1]-'0')*10 + int(text[2]-'0'); c.greeted && code >= 200 {
				c.finalCodes, c.finalLines = append(c.finalCodes, code), append(c.finalLines, text)
			}
			c.greeted = true
		}
		c.ended = c.ended || err != nil
		c.signal()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// queue adds a command to those that flush sends.
func (c *modelClient) queue(st *step, kind commandClass, raw string) *clientCommand {
	a := &clientCommand{raw: []byte(raw), step: st, kind: kind, reply: -1}
	if kind != classEmpty {
		a.reply = c.expectedReplies
		c.expectedReplies++
	}
	c.sent = append(c.sent, a)
	c.unsent = append(c.unsent, raw...)
	return a
}

// flush sends the queued commands, in segments as the step says.
func (c *modelClient) flush(st *step) {
	b := c.unsent
	c.unsent = nil
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
		size = max(1, len(b)/64) // one byte, unless b is long
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

// awaitReplies waits until every command has its final reply.
func (c *modelClient) awaitReplies(st *step) bool {
	c.flush(st)
	return c.await(modelTimeout, func() bool { return c.ended || c.greeted && len(c.finalCodes) >= c.expectedReplies })
}

// hasAllReplies reports whether every command has its final reply.
func (c *modelClient) hasAllReplies() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.finalCodes) >= c.expectedReplies
}

// awaitABORReplies waits until every command but the ABOR that was sent last has its
// final reply, and nothing has been received for a while. Then it counts anew: the
// number of replies to an ABOR varies.
func (c *modelClient) awaitABORReplies(st *step) {
	c.flush(st)
	c.await(modelTimeout, func() bool { return c.ended || len(c.finalCodes) >= c.expectedReplies-1 })
	for n := -1; ; {
		c.mu.Lock()
		now := len(c.received)
		c.mu.Unlock()
		if now == n {
			break
		}
		n = now
		time.Sleep(30 * time.Second)
	}
	c.expectedReplies = len(c.finalCodes)
}
