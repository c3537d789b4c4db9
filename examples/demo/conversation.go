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

// column is the width of what one side says. Two of them, and the arrows
// between, fit a line of 80.
const column = 36

// A conversation prints steps, and under them what client and server say, side
// by side. It is safe for concurrent use.
type conversation struct {
	out    io.Writer
	colour bool

	mu     sync.Mutex
	steps  int
	headed int64            // the session whose columns are under the last heading
	moved  map[string]int64 // bytes, by mode and direction
}

func newConversation(out io.Writer) *conversation {
	return &conversation{out: out, colour: isTerminal(out), moved: map[string]int64{}}
}

// Colours, as terminals know them.
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
	fmt.Fprintf(c.out, format+"\n", args...)
}

// step begins a step: a heading, and what happens in it.
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

// facts prints names and values, taken in pairs.
func (c *conversation) facts(pairs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 0; i+1 < len(pairs); i += 2 {
		c.line("%s", strings.TrimRight(fmt.Sprintf("   %-15s%s", pairs[i], pairs[i+1]), " "))
	}
}

// event prints what happened in the tunnel. It is for [ftpfwd.Forwarder].
func (c *conversation) event(e ftpfwd.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case ftpfwd.LinePassed:
		c.head(e)
		c.said(e.Line)
	case ftpfwd.TransferEnded:
		c.head(e)
		c.transferred(e.Transfer)
	case ftpfwd.Warned:
		c.trouble(e.Text, e.Err)
	case ftpfwd.SessionClosed:
		if e.Err != nil {
			c.trouble("the control connection ended", e.Err)
		}
	}
}

func (c *conversation) trouble(text string, err error) {
	if err != nil {
		text += ": " + err.Error()
	}
	c.line("  %s", c.paint(red, "✕ "+printable(text)))
}

// head prints the columns' heads where a session's lines begin.
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

// said prints a line of the control connection: what the client said or heard
// on the left, what the server said or heard on the right.
func (c *conversation) said(l ftpfwd.Line) {
	colour, toServer, toClient := "", "──▶", "◀──"
	if l.Received != l.Sent {
		colour, toServer, toClient = yellow, "─*▶", "◀*─"
	}
	switch {
	case l.From == ftpfwd.Client && l.Sent == "":
		c.row(colour, l.Received, "─✕ ", "")
	case l.From == ftpfwd.Client:
		c.row(colour, l.Received, toServer, l.Sent)
	case l.From == ftpfwd.Tunnel && !isReply(l.Received):
		c.row(yellow, "", " *▶", l.Received)
	case l.From == ftpfwd.Tunnel:
		c.line("  %s", c.paint(yellow, printable(l.Received)+" ◀* the tunnel"))
	case l.Sent == "":
		c.row(colour, "", " ✕─", l.Received)
	default:
		c.row(colour, l.Sent, toClient, l.Received)
	}
}

// isReply tells what the tunnel says to the client from what it says to the
// server.
func isReply(line string) bool { return line != "" && '0' <= line[0] && line[0] <= '9' }

// transferred prints a transfer as a line of its own, with the way the data
// went.
func (c *conversation) transferred(t ftpfwd.Transfer) {
	c.moved[t.Method+string(t.Direction)] += t.Bytes
	arrow := "◀══"
	if t.Direction == ftpfwd.Upload {
		arrow = "══▶"
	}
	if t.Err != nil {
		c.row(red, t.Command+" "+t.File, " ✕ ", t.Err.Error())
		return
	}
	c.row(cyan, size(t.Bytes)+" of data", arrow, size(t.Bytes)+" in "+max(t.Duration.Round(time.Millisecond), time.Millisecond).String())
}

// row prints one line of the two columns.
func (c *conversation) row(colour, left, arrow, right string) {
	left, right = fit(left), fit(right)
	padding := strings.Repeat(" ", column-utf8.RuneCountInString(left))
	c.line("  %s%s %s %s", c.paint(colour, left), padding, c.paint(colour, arrow), c.paint(colour, right))
}

// fit cuts text to a column's width.
func fit(text string) string {
	runes := []rune(printable(text))
	if len(runes) > column {
		return string(runes[:column-1]) + "…"
	}
	return string(runes)
}

// printable replaces what a terminal might obey.
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

// servers begins the demonstration: what there is at the far end.
func (c *conversation) servers(far *servers) {
	c.line("%s", c.paint(bold, "FTP through SSH, all of it in this one program"))
	c.step("An FTP server, and an SSH server beside it", `Imagine both behind a firewall that lets in nothing but SSH: the SSH server
is the gateway to the FTP server.`)
	c.facts("FTP server", far.ftp, "SSH gateway", far.gateway.Addr(), "its host key", far.fingerprint())
}

// tunnel says that the tunnel is there.
func (c *conversation) tunnel(far *servers, address string) {
	c.step("The tunnel", `One SSH connection to the gateway, and a port on this side that stands for
the FTP server, which knows nothing of it.`)
	c.line("   client ──▶ %s ═══ SSH ═══ gateway ──▶ %s", address, far.ftp)
}

// result says that content has passed every comparison.
func (c *conversation) result(content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("\n   What was sent, what the server has and what came back are the same:")
	c.line("   SHA-256 %x", sha256.Sum256(content))
}

// legend explains the arrows.
func (c *conversation) legend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("   ──▶  a line that went through as it was")
	c.line("   %s  %s", c.paint(yellow, "─*▶"), "a line that the tunnel changed")
	c.line("   %s  %s", c.paint(cyan, "══▶"), "data, on a connection of its own")
	c.line("")
}

// summary prints one line for each mode.
func (c *conversation) summary() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("\n%s\n", c.paint(bold, "All four ways carried the file, up and down:"))
	for _, mode := range modes {
		c.line("   %s  %-8s %s up, %s down, identical", c.paint(bold, mode.command), mode.kind,
			size(c.moved[mode.command+string(ftpfwd.Upload)]), size(c.moved[mode.command+string(ftpfwd.Download)]))
	}
}
