// Package terminal asks questions of the user who started the program.
//
// A question goes to the terminal and is answered there, wherever the standard
// streams lead. Where there is no terminal, the program that SSH_ASKPASS names
// asks it, as with ssh.
package terminal

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// errNoAnswer reports that the terminal was closed instead of answered.
var errNoAnswer = errors.New("no answer")

// A terminal asks questions at the controlling terminal.
type terminal struct {
	in, out *os.File
}

// open returns the controlling terminal, or an error if there is none.
func open() (*terminal, error) {
	in, out, err := files()
	if err != nil {
		return nil, err
	}
	return &terminal{in, out}, nil
}

// ask writes question and returns the line that is typed. Unless echo is true,
// the line is not shown. When ctx is done, ask restores the terminal and returns
// ctx's error.
func (t *terminal) ask(ctx context.Context, question string, echo bool) (string, error) {
	before, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(t.out, Printable(question)); err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	// A read from a terminal cannot be cancelled: after ctx is done this
	// goroutine waits for a line or for the end of the process.
	go func() {
		text, err := t.read(echo)
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		_ = term.Restore(int(t.in.Fd()), before)
		_, _ = io.WriteString(t.out, "\n")
		return "", ctx.Err()
	}
}

func (t *terminal) read(echo bool) (string, error) {
	if !echo {
		b, err := term.ReadPassword(int(t.in.Fd()))
		_, _ = io.WriteString(t.out, "\n")
		return string(b), noAnswer(err)
	}
	line, err := bufio.NewReader(t.in).ReadString('\n')
	if line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), noAnswer(err)
}

func noAnswer(err error) error {
	if errors.Is(err, io.EOF) {
		return errNoAnswer
	}
	return err
}

// Printable returns s without control characters other than line ends and tabs.
// Use it for text from a server: an escape sequence could control the terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

// OneLine returns s as one line: printable, and with each run of white space as
// one space.
func OneLine(s string) string { return strings.Join(strings.Fields(Printable(s)), " ") }
