package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/knownhosts"
)

// patience bounds each wait for a standard stream to be read.
const patience = time.Second

// show writes text to a standard stream. It waits for at most patience: perhaps
// nobody reads the stream.
func show(w io.Writer, text string) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(w, text)
	}()
	select {
	case <-written:
	case <-time.After(patience):
	}
}

// report writes err to standard error, as a line "error:" and lines "hint:", and
// returns the exit status.
func (p *program) report(err error) int {
	var text strings.Builder
	var host *knownhosts.HostKeyError
	if errors.As(err, &host) {
		if w := host.Warning(); w != "" {
			fmt.Fprintln(&text, w) // as ssh does
		}
	}
	fmt.Fprintf(&text, "error: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	for _, h := range hint.For(err) {
		fmt.Fprintf(&text, "hint: %s\n", h)
	}
	show(p.stderr, text.String())
	if setting := new(settings.Error); errors.As(err, &setting) {
		return 2
	}
	return 1
}
