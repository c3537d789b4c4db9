package ftpfwd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"example.org/ftptunnel/internal/test/memnet"
)

// A modelServer serves one control connection, one command after the other, as
// its plan says, and keeps what really happened on its side.
type modelServer struct {
	plan  *plan
	far   *memnet.Network
	conn  net.Conn
	lines chan string
	next  *string // has been read ahead

	listener net.Listener // of the last PASV or EPSV
	target   string       // of the last PORT or EPRT

	heard  []*heard
	served map[int]*served // by the tag of the step
	named  map[string]bool // addresses that it listens at
	killed bool            // it has ended the session before its time
}

// heard is a line as the server heard it, and what it said to it.
type heard struct {
	raw   string
	said  []chunk
	final int // code of the final reply
}

// A chunk is something that the server says. The client hears it so, but for
// the numbers of an announcement, and nothing of what is not offered.
type chunk struct {
	text    string
	numbers string // are between text and rest
	rest    string
	hidden  bool
	final   bool // belongs to a final reply
}

// served is a transfer as the server saw it.
type served struct {
	data  []byte // read, or written
	ended bool   // well: the end of data was read, or everything was written and ended
	stray bool   // it was aborted by an ABOR of the forwarder's, which was about another
}

func (v *modelServer) read() {
	in := bufio.NewReader(v.conn)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			v.lines <- line
		}
		if err != nil {
			close(v.lines)
			return
		}
	}
}

func (v *modelServer) line() (string, bool) {
	if v.next != nil {
		line := *v.next
		v.next = nil
		return line, true
	}
	line, ok := <-v.lines
	return line, ok
}

// serve answers commands until one side ends the session.
func (v *modelServer) serve(ctx context.Context) {
	defer v.close()
	v.write(v.plan.greeting, 1)
	for {
		line, ok := v.line()
		if !ok {
			return
		}
		h := &heard{raw: line}
		v.heard = append(v.heard, h)
		how := peculiarity{}
		if n := len(v.plan.steps); n > 0 {
			how = v.plan.steps[len(v.heard)%n].server
		}
		time.Sleep(how.delay)
		if !v.answer(ctx, h, how) {
			return
		}
	}
}

func (v *modelServer) close() {
	_ = v.conn.Close()
	if v.listener != nil {
		_ = v.listener.Close()
	}
	for range v.lines { // until its reader has ended
	}
}

// answer reports whether the session goes on.
func (v *modelServer) answer(ctx context.Context, h *heard, how peculiarity) bool {
	c := parseCommand([]byte(h.raw))
	switch {
	case c.verb == "":
	case v.plan.refuses[c.verb] && verbKinds[c.verb] != verbOther:
		v.say(h, how, v.plan.refusal)
	case c.kind() == verbPassive:
		v.listen(ctx, h, how, c)
	case c.kind() == verbActive:
		parse := map[string]func(string) (netip.AddrPort, error){"PORT": parseHostPort, "EPRT": parseExtended}[c.verb]
		at, err := parse(c.argument)
		v.plan.assert(err == nil && at.Addr().IsLoopback(), "the server hears %q", h.raw)
		v.forget()
		v.target = at.String()
		v.say(h, how, "200 "+c.verb+" ok")
	case c.kind() == verbDownload || c.kind() == verbUpload:
		v.transfer(ctx, h, c)
	case c.kind() == verbAbort:
		v.say(h, how, "225 nothing to abort")
	case h.raw == "SITE KILL\r\n", h.raw == "SITE KILL 421\r\n":
		v.killed = true
		if strings.Contains(h.raw, "421") {
			v.say(h, how, "421 I am off")
		}
		return false
	case c.verb == "QUIT":
		v.say(h, how, "221 bye")
		return false
	default:
		v.other(h, how, c)
	}
	return true
}

// other answers what is about no data.
func (v *modelServer) other(h *heard, how peculiarity, c command) {
	looks := "227 Entering Passive Mode (6,6,6,6,20,1)\r\n229 (|||5121|)\r\n 227 (6,6,6,6,20,1)\r\n"
	code := map[string]int{"DELE": 250, "USER": 331, "PASS": 230, "REST": 350, "PWD": 257, "MKD": 257, "SIZE": 213, "MDTM": 213, "XYZZY": 500, "PASVX": 500,
		"REIN": 502, "RNFR": 350, "CWD": 550, "STAT": 211, "HELP": 214, "SITE": 214, "ACCT": 202, "FEAT": 211}[c.verb]
	if code == 0 {
		code = 200
	}
	switch {
	case c.verb == "FEAT":
		v.saidAs(h, how, true, chunk{text: "211-Features\r\n"}, chunk{text: " AUTH TLS\r\n", hidden: true}, chunk{text: " MDTM\r\n"},
			chunk{text: " PROT\r\n PBSZ\r\n", hidden: true}, chunk{text: " EPSV\r\n211 End #" + strconv.Itoa(len(v.heard)) + "\r\n"})
	case how.multiline || c.verb == "STAT" || c.verb == "HELP" || c.verb == "PASS":
		first := fmt.Sprintf("%d-first", code)
		v.say(h, how, first+"\r\n"+looks+fmt.Sprintf("%d-226 all\r\n \x00\xff\n%s%d last", code, strings.Repeat("z", 1+len(h.raw))+"\r\n", code))
	default:
		v.say(h, how, fmt.Sprintf("%d (227 %q \xe4\x00 (6,6,6,6,20,1))", code, c.verb))
	}
}

// say gives a final reply, or with a code of 1yz another one, with the number of
// the command that it answers.
func (v *modelServer) say(h *heard, how peculiarity, text string) {
	v.saidAs(h, how, text[0] != '1', chunk{text: text + " #" + strconv.Itoa(len(v.heard)) + "\r\n"})
}

func (v *modelServer) saidAs(h *heard, how peculiarity, final bool, chunks ...chunk) {
	text := ""
	for _, c := range chunks {
		c.final = final
		h.said = append(h.said, c)
		text += c.text + c.numbers + c.rest
	}
	if final {
		h.final, _ = strconv.Atoi(text[:3])
	}
	v.write(text, how.segments)
}

func (v *modelServer) write(text string, how int) {
	pieces := segments([]byte(text), how)
	for _, piece := range pieces {
		if _, err := v.conn.Write(piece); err != nil {
			return
		}
		if len(pieces) > 1 {
			time.Sleep(time.Millisecond)
		}
	}
}
