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
// ctx's error. It restores it too before a signal stops the process, or ends it.
func (t *terminal) ask(ctx context.Context, question string, echo bool) (string, error) {
	before, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return "", err
	}
	signals := make(chan os.Signal, 1)
	defer notify(signals)()
	if !echo {
		if err := hide(int(t.in.Fd())); err != nil { // before the question: it may be answered at once
			return "", err
		}
	}
	defer func() { _ = term.Restore(int(t.in.Fd()), before) }()
	if _, err := io.WriteString(t.out, Printable(question)); err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	// A read from a terminal cannot be cancelled: after ctx is done this
	// goroutine waits for a line or for the end of the process. So it may begin
	// when the terminal is restored, and must leave its state alone.
	go func() {
		text, err := t.read()
		answers <- answer{text, err}
	}()
	for {
		select {
		case a := <-answers:
			if !echo { // nor does the terminal show the end of the line
				_, _ = io.WriteString(t.out, "\n")
			}
			return a.text, a.err
		case s := <-signals:
			t.pause(s, signals, before)
			_, _ = io.WriteString(t.out, Printable(question))
		case <-ctx.Done():
			_, _ = io.WriteString(t.out, "\n")
			return "", ctx.Err()
		}
	}
}

// pause lets a signal have its effect, with the terminal as it was before the
// question. When the process continues, the answer is hidden again.
func (t *terminal) pause(s os.Signal, signals chan<- os.Signal, before *term.State) {
	fd := int(t.in.Fd())
	asking, err := term.GetState(fd)
	_ = term.Restore(fd, before)
	_, _ = io.WriteString(t.out, "\n")
	obey(s, signals)
	if err == nil {
		_ = term.Restore(fd, asking)
	}
}

// read returns the next line that is typed.
func (t *terminal) read() (string, error) {
	line, err := bufio.NewReader(t.in).ReadString('\n')
	switch {
	case line != "":
		err = nil
	case errors.Is(err, io.EOF):
		err = errNoAnswer
	}
	return strings.TrimRight(line, "\r\n"), err
}
