package terminal

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// An Asker puts a question to the user and returns the answer. The answer is
// shown while it is typed only if echo is true.
type Asker func(ctx context.Context, question string, echo bool) (string, error)

// NewAsker returns an Asker for the terminal or, as with ssh, for the program
// that SSH_ASKPASS names if there is no terminal or SSH_ASKPASS_REQUIRE prefers
// the program. It returns nil if nobody can be asked.
func NewAsker() Asker {
	program := os.Getenv("SSH_ASKPASS")
	display := cmp.Or(os.Getenv("DISPLAY"), os.Getenv("WAYLAND_DISPLAY")) != ""
	first := false // before the terminal
	switch strings.ToLower(os.Getenv("SSH_ASKPASS_REQUIRE")) {
	case "force":
		first, display = true, true
	case "prefer":
		first = true
	case "never":
		program = ""
	}
	usable := program != "" && display
	if usable && first {
		return askpass(program).ask
	}
	if tty, err := open(); err == nil {
		return tty.ask
	}
	if usable {
		return askpass(program).ask
	}
	return nil
}

// An askpass is a program that asks a question and prints the answer.
type askpass string

func (a askpass) ask(ctx context.Context, question string, _ bool) (string, error) {
	cmd := exec.CommandContext(ctx, string(a), Printable(question))
	cmd.Stderr = os.Stderr
	var answer bytes.Buffer
	cmd.Stdout = &answer
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case cmd.ProcessState != nil && err != nil:
		return "", errNoAnswer // the user cancelled
	case err != nil:
		return "", fmt.Errorf("SSH_ASKPASS: %w", err)
	}
	line, _, _ := strings.Cut(answer.String(), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
