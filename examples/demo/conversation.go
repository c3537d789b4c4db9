package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"example.org/ftptunnel/ftpfwd"
)

// column is the width in characters of the column of client or server. Both, with
// the arrows between them, fit a line of 80.
const column = 36

// A conversation prints the steps of the demonstration, and below each what client
// and server send, side by side. It is safe for concurrent use.
//
// The tunnel reports a transfer a moment after its final reply, when the client
// continues. The line about the data stands before the reply all the same: the reply
// and what follows wait for it.
type conversation struct {
	out    io.Writer
	colour bool

	mu     sync.Mutex
	steps  int
	headed int64            // the session whose column heads were printed last
	moved  map[string]int64 // bytes by mode and direction
	lines  []*line          // that are not printed yet, because the first waits
	data   map[int64]*line  // about the data that a session moves now
}

// A line of the conversation.
type line struct {
	text   string
	placed bool // it is among the lines, or printed
	waits  bool // its text is not known yet
}

func newConversation(out io.Writer) *conversation {
	return &conversation{out: out, colour: isTerminal(out), moved: map[string]int64{}, data: map[int64]*line{}}
}

// Parameters of the escape sequence that selects a colour (ECMA-48, SGR).
const (
	bold   = "1"
	dim    = "2"
	yellow = "1;33"
	cyan   = "36"
	red    = "1;31"
)

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}

func (c *conversation) paint(colour, text string) string {
	if !c.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (c *conversation) line(format string, args ...any) {
	c.place(&line{text: fmt.Sprintf(format, args...)})
}

// place puts l behind the lines before.
func (c *conversation) place(l *line) {
	l.placed = true
	c.lines = append(c.lines, l)
	c.flush()
}

// flush prints the lines up to the first that waits.
func (c *conversation) flush() {
	for len(c.lines) > 0 && !c.lines[0].waits {
		fmt.Fprintln(c.out, c.lines[0].text)
		c.lines = c.lines[1:]
	}
}

// settle sets the text of the line about a session's data, if it moves any.
func (c *conversation) settle(session int64, text string) {
	l := c.data[session]
	if l == nil {
		return
	}
	delete(c.data, session)
	l.text, l.waits = text, false
	if !l.placed {
		c.place(l)
	}
	c.flush()
}

// step prints the heading of the next step and a text about it.
func (c *conversation) step(title, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps++
	c.headed = 0
	c.line("\n%s\n", c.paint(bold, fmt.Sprintf("%d  %s", c.steps, title)))
	for _, l := range strings.Split(what, "\n") {
		c.line("   %s", l)
	}
	c.line("")
}

// facts prints pairs of name and value.
func (c *conversation) facts(pairs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 0; i+1 < len(pairs); i += 2 {
		c.line("%s", strings.TrimRight(fmt.Sprintf("   %-15s%s", pairs[i], pairs[i+1]), " "))
	}
}

// event prints an event of the tunnel. It is the Observe function of the
// [ftpfwd.Forwarder].
func (c *conversation) event(e ftpfwd.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case ftpfwd.TransferStarted:
		c.data[e.Session] = &line{waits: true}
	case ftpfwd.LinePassed:
		c.head(e)
		if l := c.data[e.Session]; l != nil && !l.placed && isFinal(e.Line) {
			c.place(l)
		}
		c.passed(e.Line)
	case ftpfwd.TransferEnded:
		c.head(e)
		c.settle(e.Session, c.transferred(e.Transfer))
	case ftpfwd.Warned:
		c.warning(e.Text, e.Err)
	case ftpfwd.SessionClosed:
		c.settle(e.Session, "")
		if e.Err != nil {
			c.warning("the control connection failed", e.Err)
		}
	}
}

// isFinal reports whether l is a final reply of the server (RFC 959, 4.2).
func isFinal(l ftpfwd.Line) bool {
	return l.From == ftpfwd.Server && l.Received != "" && strings.Contains("245", l.Received[:1])
}

// warning prints text and, if it is not nil, err.
func (c *conversation) warning(text string, err error) {
	if err != nil {
		text += ": " + err.Error()
	}
	c.line("  %s", c.paint(red, "✕ "+printable(text)))
}

// head prints the heads of the columns before the first line of a session.
func (c *conversation) head(e ftpfwd.Event) {
	if c.headed == e.Session {
		return
	}
	if c.headed != 0 {
		c.line("")
	}
	c.headed = e.Session
	c.row(dim, "client "+e.Client, "   ", "server "+e.Server)
	c.row(dim, strings.Repeat("─", column), "───", strings.Repeat("─", column))
}

// passed prints a line of the control connection: on the left as the client sent
// or received it, on the right as the server did.
func (c *conversation) passed(l ftpfwd.Line) {
	colour, toServer, toClient := "", "──▶", "◀──"
	if l.Received != l.Sent {
		colour, toServer, toClient = yellow, "─*▶", "◀*─"
	}
	switch {
	case l.From == ftpfwd.Client && l.Sent == "":
		c.row(colour, l.Received, "─✕ ", "")
	case l.From == ftpfwd.Client:
		c.row(colour, l.Received, toServer, l.Sent)
	case l.From == ftpfwd.Tunnel && l.To == ftpfwd.Server:
		c.row(yellow, "", " *▶", l.Received)
	case l.From == ftpfwd.Tunnel:
		c.line("  %s", c.paint(yellow, printable(l.Received)+" ◀* the tunnel"))
	case l.Sent == "":
		c.row(colour, "", " ✕─", l.Received)
	default:
		c.row(colour, l.Sent, toClient, l.Received)
	}
}

// transferred returns the line about a transfer: the direction, size and duration.
func (c *conversation) transferred(t ftpfwd.Transfer) string {
	c.moved[t.Method+string(t.Direction)] += t.Bytes
	arrow := "◀══"
	if t.Direction == ftpfwd.Upload {
		arrow = "══▶"
	}
	if t.Err != nil {
		return c.columns(red, t.Command+" "+t.File, " ✕ ", t.Err.Error())
	}
	return c.columns(cyan, size(t.Bytes)+" of data", arrow, size(t.Bytes)+" in "+max(t.Duration.Round(time.Millisecond), time.Millisecond).String())
}

// row prints one line of both columns.
func (c *conversation) row(colour, left, arrow, right string) {
	c.line("%s", c.columns(colour, left, arrow, right))
}

// columns returns one line of both columns.
func (c *conversation) columns(colour, left, arrow, right string) string {
	left, right = fit(left), fit(right)
	padding := strings.Repeat(" ", column-utf8.RuneCountInString(left))
	return fmt.Sprintf("  %s%s %s %s", c.paint(colour, left), padding, c.paint(colour, arrow), c.paint(colour, right))
}

// fit shortens text to the width of a column.
func fit(text string) string {
	runes := []rune(printable(text))
	if len(runes) > column {
		return string(runes[:column-1]) + "…"
	}
	return string(runes)
}

// printable replaces control characters, which a terminal would interpret.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}

func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.4g KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// servers prints the first step, with the addresses of the servers.
func (c *conversation) servers(far *servers) {
	c.line("%s", c.paint(bold, "FTP through SSH, with client and servers in one program"))
	c.step("An FTP server and an SSH server", `Both stand for hosts behind a firewall that accepts SSH only. The SSH server
is the gateway to the FTP server.`)
	c.facts("FTP server", far.ftp, "SSH gateway", far.gateway.Addr(), "host key", far.fingerprint())
}

// tunnel prints the step after which the tunnel is open.
func (c *conversation) tunnel(far *servers, address string) {
	c.step("The tunnel", `One SSH connection to the gateway, and a port on this machine that leads to
the FTP server. The FTP server needs no change.`)
	c.line("   client ──▶ %s ═══ SSH ═══ gateway ──▶ %s", address, far.ftp)
}

// result prints that all copies of content are identical.
func (c *conversation) result(content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("\n   The file, its copy on the server and the downloaded copy are identical:")
	c.line("   SHA-256 %x", sha256.Sum256(content))
}

// legend prints the meaning of the arrows.
func (c *conversation) legend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("   ──▶  a line that the tunnel passed on unchanged")
	c.line("   %s  %s", c.paint(yellow, "─*▶"), "a line that the tunnel changed")
	c.line("   %s  %s", c.paint(cyan, "══▶"), "data, on a connection of its own")
	c.line("")
}

// summary prints one line for each mode.
func (c *conversation) summary() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("\n%s\n", c.paint(bold, "All four modes carried the file in both directions:"))
	for _, mode := range modes {
		c.line("   %s  %-8s %s up, %s down, identical", c.paint(bold, mode.command), mode.kind,
			size(c.moved[mode.command+string(ftpfwd.Upload)]), size(c.moved[mode.command+string(ftpfwd.Download)]))
	}
}
