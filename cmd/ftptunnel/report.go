package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/eventlog"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// patience bounds each wait for a standard stream to be read.
const patience = time.Second

// interruptedStatus is a shell's status of a command that SIGINT has ended.
const interruptedStatus = 130

// An outputUntil writes to a standard stream that may have to wait for its reader,
// until the context is done.
type outputUntil struct {
	ctx context.Context
	to  io.Writer
}

// Write writes text, or returns why ctx is done.
func (o outputUntil) Write(text []byte) (int, error) {
	written := make(chan error, 1)
	text = bytes.Clone(text)
	go func() {
		_, err := o.to.Write(text)
		written <- err
	}()
	select {
	case err := <-written:
		return len(text), err
	case <-o.ctx.Done():
		return 0, context.Cause(o.ctx)
	}
}

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

// report writes err to standard error and returns the exit status.
func (p *program) report(err error) int {
	show(p.stderr, p.explain(err))
	switch {
	case errors.Is(err, errInterrupted):
		return interruptedStatus
	case isUsage(err):
		return 2
	}
	return 1
}

// explain returns a line "error:" and lines "hint:" about err or, if the log is in
// JSON, a line of the log.
func (p *program) explain(err error) string {
	if p.in.LogFormat == "json" {
		return eventlog.JSON(events.Event{Kind: events.Failed, Time: time.Now(), Err: err}, p.adviser)
	}
	var text strings.Builder
	var host *knownhosts.HostKeyError
	if errors.As(err, &host) {
		if w := host.Warning(); w != "" {
			fmt.Fprintln(&text, terminal.Printable(w)) // as ssh does
		}
	}
	fmt.Fprintf(&text, "error: %s\n", terminal.OneLine(wording.Of(err)))
	for _, h := range p.adviser("").For(err) {
		fmt.Fprintf(&text, "hint: %s\n", terminal.OneLine(h))
	}
	return text.String()
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

// adviser returns what gives hints about this run of the program. With serve, a
// gateway's are about the command line that is as good as its keys in the file.
func (p *program) adviser(gateway string) hint.Adviser {
	if p.pool == nil {
		return hint.Adviser{Typed: p.in.Command}
	}
	return hint.Adviser{Typed: p.pool.CommandLine(gateway)}
}
