package main

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

// The rules of speaking to a person: questions go to the terminal and are
// answered there, wherever the standard streams lead. Standard output carries
// one line for each listener and nothing else. All the rest goes to standard
// error: log lines, and at the end one line "error:", then "hint:" lines that
// say what to type. Lower case, no final period.

// errNoAnswer says that the terminal was closed instead of answered.
var errNoAnswer = errors.New("no answer")

// A terminal asks the person who started the program.
type terminal struct {
	in, out *os.File
}

// openTerminal returns the controlling terminal, or an error if there is none.
func openTerminal() (*terminal, error) {
	in, out, err := terminalFiles()
	if err != nil {
		return nil, err
	}
	return &terminal{in, out}, nil
}

// ask puts question and returns the line that is typed. Unless echo, it is not
// shown. When ctx is done it returns with ctx's error and leaves the terminal
// as it was.
func (t *terminal) ask(ctx context.Context, question string, echo bool) (string, error) {
	before, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(t.out, printable(question)); err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	// A read from a terminal cannot be broken off: after ctx is done this
	// goroutine waits for a line, or for the end of the process.
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

// printable drops what could steer a terminal: servers write parts of what is
// shown there.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

func noAnswer(err error) error {
	if errors.Is(err, io.EOF) {
		return errNoAnswer
	}
	return err
}
