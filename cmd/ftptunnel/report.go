package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel/sshconfig"
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
	fmt.Fprintf(&text, "error: %s\n", strings.ReplaceAll(wording.Of(err), "\n", " "))
	for _, h := range p.adviser().For(err) {
		fmt.Fprintf(&text, "hint: %s\n", h)
	}
	show(p.stderr, text.String())
	if isUsage(err) {
		return 2
	}
	return 1
}

// isUsage reports whether err is an error of the command line.
func isUsage(err error) bool {
	var setting *settings.Error
	var config *sshconfig.Error
	if errors.As(err, &config) {
		switch config.Problem {
		case sshconfig.OnCommandLine, sshconfig.InName, sshconfig.PortInName:
			return true
		}
	}
	return errors.As(err, &setting)
}

// adviser returns what gives hints about this run of the program.
func (p *program) adviser() hint.Adviser { return hint.Adviser{Typed: p.in.Command} }
