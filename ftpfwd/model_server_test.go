package ftpfwd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"example.org/ftptunnel/internal/test/memnet"
)

// A modelServer serves one control connection, one command after the other, as its
// plan says, and records what happened on its side.
type modelServer struct {
	plan   *plan
	far    *memnet.Network
	conn   net.Conn
	lines  chan string
	unread *string // a line that was read ahead

	informed atomic.Int64                   // the number of the last line that was an ABOR, or of the end of the control connection
	current  atomic.Pointer[serverTransfer] // whose data connection was opened last

	listener net.Listener // of the last PASV or EPSV
	target   string       // of the last PORT or EPRT
	kept     keptConn

	received  []*serverCommand
	transfers map[int]*serverTransfer // by the tag of the step
	announced map[string]bool         // addresses that it has listened at
}

// A serverCommand is a line that the server received, and its replies.
type serverCommand struct {
	raw   string
	sent  []chunk
	final int  // the code of the final reply
	wrong bool // that reply is plan.wrong
}

// A chunk is a part of a reply. The client receives it unchanged, except for the
// numbers of an announcement.
type chunk struct {
	text    string
	numbers string // between text and rest
	rest    string
	hidden  bool // the client does not receive it
	final   bool // belongs to a final reply
}

// A serverTransfer is the server's side of a transfer.
type serverTransfer struct {
	line             int64       // the number of its command
	data             []byte      // read or written
	whole            bool        // the end of the data was read, or all of it was written and ended
	informed         bool        // of an abort, when the end of an upload's data was read
	overtaken        atomic.Bool // the control connection ended before the client's end of the data
	conn             interface{ Ended() bool }
	abortedByMistake bool // by an ABOR of the forwarder's that was meant for another transfer
}

// maxServerLines is more than a client sends: a line is read when it arrives,
// whatever the server does.
const maxServerLines = 1000

func (v *modelServer) read() {
	in := bufio.NewReader(v.conn)
	for n := int64(1); ; n++ {
		line, err := in.ReadString('\n')
		if err != nil || parseCommand([]byte(line)).kind() == verbAbort {
			v.informed.Store(n)
		}
		if s := v.current.Load(); err != nil && s != nil {
			s.overtaken.Store(!s.conn.Ended() && !v.plan.transmission.keeps)
		}
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
	if v.unread != nil {
		line := *v.unread
		v.unread = nil
		return line, true
	}
	line, ok := <-v.lines
	return line, ok
}

// serve replies to commands until one side ends the session.
func (v *modelServer) serve(ctx context.Context) {
	defer v.close()
	v.write(v.plan.greeting, 1)
	for {
		line, ok := v.line()
		if !ok {
			return
		}
		got := &serverCommand{raw: line}
		v.received = append(v.received, got)
		q := quirks{}
		if n := len(v.plan.steps); n > 0 {
			q = v.plan.steps[len(v.received)%n].server
		}
		time.Sleep(q.delay)
		if !v.answer(ctx, got, q) {
			return
		}
	}
}

func (v *modelServer) close() {
	_ = v.conn.Close()
	v.closePath()
	for range v.lines { // until read has returned
	}
}

// answer replies to a command, and reports whether the session continues.
func (v *modelServer) answer(ctx context.Context, got *serverCommand, q quirks) bool {
	c := parseCommand([]byte(got.raw))
	switch {
	case c.verb == "":
	case v.plan.refuses[c.verb] && c.kind() == verbPassive && v.plan.wrong != "":
		got.wrong = true
		v.reply(got, q, v.plan.wrong)
	case v.plan.refuses[c.verb] && verbKinds[c.verb] != verbOther:
		v.reply(got, q, v.plan.refusal)
	case c.kind() == verbPassive:
		v.listen(ctx, got, q, c)
	case c.kind() == verbActive:
		parse := map[string]func(string) (netip.AddrPort, error){"PORT": parseHostPort, "EPRT": parseExtended}[c.verb]
		at, err := parse(c.argument)
		v.plan.assert(err == nil && at.Addr().IsLoopback(), "the server receives %q", got.raw)
		v.closePath()
		v.target = at.String()
		v.reply(got, q, "200 "+c.verb+" ok")
	case c.kind() == verbDownload || c.kind() == verbUpload:
		v.transfer(ctx, got, c)
	case c.kind() == verbAbort:
		v.reply(got, q, "225 nothing to abort")
	case got.raw == "SITE KILL\r\n", got.raw == "SITE KILL 421\r\n":
		if strings.Contains(got.raw, "421") {
			v.reply(got, q, "421 closing")
		}
		return false
	case c.verb == "QUIT":
		v.reply(got, q, "221 bye")
		return false
	default:
		v.replyOther(got, q, c)
	}
	return true
}

// replyOther replies to a command that opens and moves no data.
func (v *modelServer) replyOther(got *serverCommand, q quirks, c command) {
	looks := "227 Entering Passive Mode (6,6,6,6,20,1)\r\n229 (|||5121|)\r\n 227 (6,6,6,6,20,1)\r\n"
	code := map[string]int{"DELE": 250, "USER": 331, "PASS": 230, "REST": 350, "PWD": 257, "MKD": 257, "SIZE": 213, "MDTM": 213, "XYZZY": 500, "PASVX": 500,
		"REIN": 502, "RNFR": 350, "CWD": 550, "STAT": 211, "HELP": 214, "SITE": 214, "ACCT": 202, "FEAT": 211}[c.verb]
	if code == 0 {
		code = 200
	}
	switch {
	case c.verb == "FEAT":
		v.replyChunks(got, q, true, chunk{text: "211-Features\r\n"}, chunk{text: " AUTH TLS\r\n", hidden: true}, chunk{text: " MDTM\r\n"},
			chunk{text: " PROT\r\n PBSZ\r\n", hidden: true}, chunk{text: " EPSV\r\n211 End #" + strconv.Itoa(len(v.received)) + "\r\n"})
	case q.multiline || c.verb == "STAT" || c.verb == "HELP" || c.verb == "PASS":
		first := fmt.Sprintf("%d-first", code)
		v.reply(got, q, first+"\r\n"+looks+fmt.Sprintf("%d-226 all\r\n \x00\xff\n%s%d last", code, strings.Repeat("z", 1+len(got.raw))+"\r\n", code))
	default:
		v.reply(got, q, fmt.Sprintf("%d (227 %q \xe4\x00 (6,6,6,6,20,1))", code, c.verb))
	}
}

// reply sends a reply, with the number of the command. It is final unless its code
// is 1yz.
func (v *modelServer) reply(got *serverCommand, q quirks, text string) {
	v.replyChunks(got, q, text[0] != '1', chunk{text: text + " #" + strconv.Itoa(len(v.received)) + "\r\n"})
}

func (v *modelServer) replyChunks(got *serverCommand, q quirks, final bool, chunks ...chunk) {
	text := ""
	for _, c := range chunks {
		c.final = final
		got.sent = append(got.sent, c)
		text += c.text + c.numbers + c.rest
	}
	if final {
		got.final, _ = strconv.Atoi(text[:3])
	}
	v.write(text, q.segments)
}

func (v *modelServer) write(text string, q int) {
	pieces := segments([]byte(text), q)
	for _, piece := range pieces {
		if _, err := v.conn.Write(piece); err != nil {
			return
		}
		if len(pieces) > 1 {
			time.Sleep(time.Millisecond)
		}
	}
}
