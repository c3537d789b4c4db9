package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// An asker puts a question to the person who started the program; see
// tunnel.Config.Ask.
type asker func(ctx context.Context, question string, echo bool) (string, error)

// newAsker returns who asks: the terminal or, as with ssh, the program that
// SSH_ASKPASS names where there is no terminal or SSH_ASKPASS_REQUIRE wants
// it. It is nil if there is nobody to ask.
func newAsker() asker {
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
	if tty, err := openTerminal(); err == nil {
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
	cmd := exec.CommandContext(ctx, string(a), question)
	cmd.Stderr = os.Stderr
	var answer bytes.Buffer
	cmd.Stdout = &answer
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case cmd.ProcessState != nil && err != nil:
		return "", errNoAnswer // that is how it says so
	case err != nil:
		return "", fmt.Errorf("SSH_ASKPASS: %w", err)
	}
	line, _, _ := strings.Cut(answer.String(), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
