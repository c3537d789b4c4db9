package ftpfwd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// modelTimeout bounds every wait. One that takes longer has found a fault.
const modelTimeout = 10 * time.Minute

// A plan is a conversation that is read from bytes, and the properties of its
// server.
type plan struct {
	t     *testing.T
	steps []*step

	ipv6             bool
	mode             ServerMode
	refuses          map[string]bool // of EPSV, PASV, PORT and EPRT
	refusal          string          // the reply to those
	wrong            string          // the reply to EPSV and PASV in its place, which is no refusal and no address; or empty
	oneShot          bool            // closes the port of a PASV after its first connection
	addressInReply   string          // the address in a 227
	announcementForm int             // the form of a 227 or 229
	abortReplies     int
	transmission     transmission
	ownerGone        bool // nobody can find the owner of a connection whose client has ended it
	greeting         string
}

// A step is one thing that the client does, and how the server reacts.
type step struct {
	tag      int
	action   action
	line     string
	segments int
	wait     bool // for all replies, before the next step

	verb    string
	upload  bool
	method  string // that opens a path; empty for none
	restart bool
	early   bool // the client connects before it sends the command
	hasty   bool // the client of an upload closes its data connection when it has written all
	leave   leave
	size    int    // of the file
	content []byte // the bytes that carry it
	pace    time.Duration
	fault   fault
	refusal string // with which the server ends it half way through

	server quirks
}

type action int

const (
	actSend action = iota
	actRefused
	actOpen
	actTransfer
	actAbort
	actPause
	actEnd
)

// A fault is how a transfer fails.
type fault int

const (
	faultNone   fault = iota
	faultReset        // the client resets its data connection half way through
	faultAbort        // the client sends ABOR half way through
	faultAbsent       // the client does not connect
	faultLost         // the far network loses the data connection
	faultBroken       // the server ends it half way through, with a refusal
	faultDenied       // the server replies 550 at once
)

// quirks are how the server reacts to one command.
type quirks struct {
	segments  int
	delay     time.Duration
	late150   bool // once the data connection is open
	no150     bool
	early226  bool // before the end of the data
	multiline bool
}

// Lines that pass unchanged. The server replies to each once.
var plainLines = []string{
	"NOOP\r\n", "STAT\r\n", "PWD\r\n", "SITE HELP\r\n", "HELP\r\n", "FEAT\r\n", "XYZZY 1 2 3\r\n", "noop\n", "TYPE I\r\n", "DELE x\r\n",
	"STAT 227 Entering Passive Mode (6,6,6,6,20,1)\r\n", "MKD 229 (|||5121|)\r\n", "CWD \xe4\xff\xf6\x80\r\n", "MKD a\x00b\r\n", "RNFR a\r\x00b\r\n",
	"SITE " + strings.Repeat("long ", 500) + "\r\n", "\r\n", "USER me\r\n", "PASS PASV\r\n", "MDTM 20260101 RETR x\r\n", "  NOOP  \r\n", "SIZE f\r\n",
	"PASVX\r\n", "REIN\r\n", "CWD " + strings.Repeat("x", 1018) + "\r\n", "OPTS UTF8 ON\r\n", "HELP PORT 1,2,3,4,5,6\r\n", "ACCT x\r\n", "\xff\xfb\x06NOOP\r\n",
}

// Lines that the forwarder replies to, behind the codes.
var refusedLines = []string{
	"534 AUTH TLS\r\n", "534 PBSZ 0\r\n", "534 PROT P\r\n", "502 LPSV\r\n", "502 SPSV\r\n", "501 PORT x\r\n", "500 PORT 6,6,6,6,200,1\r\n",
	"501 PORT 127,0,0,1,0,80\r\n", "501 EPRT |1|127.0.0.1|\r\n", "500 EPRT |2|2001:db8::1|5000|\r\n", "501 PASV " + strings.Repeat("x", 3000) + "\r\n",
	"501 PORT " + strings.Repeat("1,", 1500) + "\r\n", "534 AUTH " + strings.Repeat("y", 2000) + "\r\n", "502 LPRT 6,16,0,0\r\n",
}

// newPlan reads a plan: four bytes, and five for each step.
func newPlan(t *testing.T, b []byte) *plan {
	var head [4]byte
	b = b[copy(head[:], b):]
	p := &plan{t: t, refuses: make(map[string]bool)}
	p.ipv6 = head[0]&1 != 0
	p.mode = []ServerMode{Auto, Auto, Passive, Active}[head[0]>>1&3]
	p.oneShot = head[0]&8 != 0
	p.addressInReply = []string{"127,0,0,1", "10,1,2,3", "0,0,0,0", "192,168,1,1"}[head[0]>>4&3]
	p.greeting = []string{"220 ready\r\n", "220-hi\r\n227 Entering Passive Mode (6,6,6,6,20,1)\r\n220 (227 (6,6,6,6,20,1))\r\n",
		"220-\xff\xfe\r\n " + strings.Repeat("long", 600) + "\r\n220 x\n", "220 227 =6,6,6,6,1,1\r\n"}[head[0]>>6]
	for i, verb := range []string{"EPSV", "PASV", "PORT", "EPRT"} {
		p.refuses[verb] = head[1]>>i&1 != 0
	}
	p.refusal = []string{"502 no", "500-what\r\n227 (6,6,6,6,1,1)\r\n500 what", "522 family", "425 cannot", "530 log in"}[head[1]>>4%5]
	if head[1]>>4 == 15 {
		p.refusal = "314 no"
	}
	if head[3]>>5 == 7 {
		p.wrong = []string{"200 ok", "214 (6,6,6,6)", "299 fine", "230 welcome"}[head[3]&3]
	}
	p.transmission = newTransmission(head[3] >> 2)
	p.announcementForm = int(head[2] & 7)
	p.abortReplies = int(head[2] >> 3 & 3)
	p.ownerGone = head[2]>>5 == 7
	for len(b) >= 5 && len(p.steps) < 24 {
		st := newStep(len(p.steps)+1, b[:5])
		if st.method == "EPSV 1" && p.ipv6 {
			st.method = "EPSV 2"
		}
		st.content = p.transmission.encode(payload(st.tag, st.size))
		p.steps = append(p.steps, st)
		b = b[5:]
	}
	return p
}

func newStep(tag int, b []byte) *step {
	st := &step{tag: tag, segments: int(b[1] & 3), wait: b[1]&4 == 0, action: []action{
		actSend, actSend, actSend, actRefused, actTransfer, actTransfer, actTransfer, actTransfer, actTransfer, actTransfer, actTransfer, actTransfer, actOpen, actAbort, actPause, actEnd}[b[0]&15]}
	st.server = quirks{segments: int(b[4] & 3), delay: time.Duration(b[4]>>2&3) * 30 * time.Millisecond, late150: b[4]&16 != 0,
		no150: b[4]&0xe0 == 0xe0, early226: b[4]&32 != 0, multiline: b[4]&64 != 0}
	switch st.action {
	case actSend:
		st.line = plainLines[int(b[2])%len(plainLines)]
	case actRefused:
		st.line = refusedLines[int(b[2])%len(refusedLines)]
	case actEnd:
		st.leave = newLeave(b[2])
	case actOpen:
		st.method = []string{"EPSV", "PASV", "PORT", "EPRT", "EPSV 1"}[int(b[2])%5]
	case actTransfer:
		verbs := []string{"RETR", "STOR", "LIST", "APPE", "NLST", "STOU", "MLSD"}
		st.verb = verbs[int(b[2]>>5)%len(verbs)]
		st.upload = st.verb == "STOR" || st.verb == "APPE" || st.verb == "STOU"
		st.method = []string{"EPSV", "PASV", "PORT", "EPRT", "EPSV", "EPSV 1", "PASV", ""}[b[1]>>3&7]
		st.early, st.restart = b[1]&64 != 0, b[1]&128 != 0
		st.fault = []fault{faultNone, faultNone, faultReset, faultAbort, faultAbsent, faultLost, faultBroken, faultDenied}[b[2]&7]
		st.wait = st.wait || st.fault == faultAbsent // or its success, which is held, would delay the other replies
		st.size = []int{0, 1, 100, 5000, 60_000, 150_000}[int(b[3]&15)%6]
		st.refusal = []string{"551 disk error", "550 no", "553 not so", "450 busy", "451 error", "500 what", "502 what"}[tag%7]
		st.pace = time.Duration(b[3]>>4&3) * 20 * time.Millisecond
		st.hasty = st.upload && b[3]>>6 == 3
		st.line = fmt.Sprintf("%s f%d\r\n", st.verb, tag)
		if b[2]&8 != 0 {
			st.line = fmt.Sprintf("%s 227 (6,6,6,6,%d,1) \xe4\x00f%d\r\n", strings.ToLower(st.verb), tag, tag)
		}
	}
	return st
}

// methodCount returns how many methods there are for the client's command, which
// may be none.
func (p *plan) methodCount(command string) int {
	passive, active := 2, 3
	switch p.mode {
	case Passive:
		active = 0
	case Active:
		passive = 0
	}
	if strings.HasPrefix(command, "EPSV ") && p.mode != Active {
		passive++
	}
	return passive + active
}

// stepOf returns the step of a transfer command.
func (p *plan) stepOf(line string) *step {
	for _, st := range p.steps {
		if st.verb != "" && st.line == line {
			return st
		}
	}
	p.t.Errorf("the server receives %q, which the client did not send", line)
	return &step{fault: faultDenied}
}

func (p *plan) assert(ok bool, format string, args ...any) {
	p.t.Helper()
	if !ok {
		p.t.Errorf(format, args...)
	}
}
