// Package eventlog is the log on standard error: a view of package events.
//
// Scripts read it: its messages are few and fixed, and an attribute has the same
// name in all of them. The page docs/log.md documents both.
package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/knownhosts"
)

// limit is how many events wait if standard error is not read; later ones are
// dropped.
const limit = 1000

// A Log writes events to standard error.
type Log struct {
	out    io.Writer
	advise Advise
	format atomic.Pointer[format]
}

// A format says how a log is written.
type format struct {
	level   slog.Level
	json    bool
	handler slog.Handler
}

// Advise returns what gives hints about errors of a gateway, or about others if that
// is empty.
type Advise func(gateway string) hint.Adviser

// NoAdvice is for events without hints.
func NoAdvice(string) hint.Adviser { return hint.Adviser{} }

// New returns a log that writes to out, with hints of advise.
func New(out io.Writer, s settings.Log, advise Advise) *Log {
	l := &Log{out: out, advise: advise}
	l.Configure(s)
	return l
}

// Configure changes how the events are written that come from now on. Any goroutine
// may call it.
func (l *Log) Configure(s settings.Log) {
	f := &format{level: s.Level, json: s.JSON}
	options := &slog.HandlerOptions{Level: f.level, ReplaceAttr: nameLevel}
	if f.json {
		f.handler = slog.NewJSONHandler(terminal.JSONWriter{Writer: l.out}, options)
	} else {
		f.handler = slog.NewTextHandler(l.out, options)
	}
	l.format.Store(f)
}

// nameLevel names the levels that package slog does not have.
func nameLevel(_ []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey {
		switch level {
		case settings.LevelLine:
			a.Value = slog.StringValue("LINE")
		case settings.LevelNotice:
			a.Value = slog.StringValue("NOTICE")
		}
	}
	return a
}

// Observer returns an observer that writes to l.
func (l *Log) Observer() events.Observer {
	return events.Observer{Handle: l.write, Wants: l.wants, Limit: limit}
}

// wants reports whether events of a kind may be logged.
func (l *Log) wants(k events.Kind) bool {
	e, logged := entries[k]
	level := l.format.Load().level
	return logged && (e.level >= level || k == events.TransferEnded && level <= slog.LevelWarn)
}

// write writes e. It ignores errors of standard error: there is nowhere to report
// them.
func (l *Log) write(e events.Event) {
	entry, logged := entries[e.Kind]
	if !logged {
		return
	}
	f := l.format.Load()
	level, msg := entry.level, entry.msg
	switch {
	case e.Kind == events.TransferEnded && e.Transfer.Err != nil:
		level = slog.LevelWarn
	case e.Kind == events.Warned:
		msg = e.Text
		if e.Warning == string(ftpfwd.InternalError) {
			level = slog.LevelError
		}
	case entry.verbatim && !f.json:
		fmt.Fprintln(l.out, asSSH(e.Text))
		return
	}
	if level < f.level {
		return
	}
	if (e.Kind == events.GatewayGivenUp || e.Kind == events.GatewayFailed) && !f.json {
		fmt.Fprint(l.out, changedKey(e.Err))
	}
	r := slog.NewRecord(e.Time, level, msg, 0)
	if !entry.bare {
		r.AddAttrs(who(e)...)
	}
	if entry.attrs != nil {
		r.AddAttrs(entry.attrs(e)...)
	}
	if entry.advised {
		r.AddAttrs(text("hint", strings.Join(l.advise(e.Gateway).For(e.Err), "; ")))
	}
	_ = f.handler.Handle(context.Background(), r)
}

// JSON returns the line of e in a log in JSON, with hints of advise.
func JSON(e events.Event, advise Advise) string {
	var line bytes.Buffer
	New(&line, settings.Log{JSON: true}, advise).write(e)
	return line.String()
}

// own matches the beginnings of lines that only the program itself writes.
var own = regexp.MustCompile(`(?m)^\s*(?:time=|error:|hint:|summary:)`)

// asSSH returns text that ssh prints too, with a bar before each line that would
// otherwise read like one of the program's own.
func asSSH(text string) string {
	return own.ReplaceAllString(strings.TrimRight(terminal.Printable(text), "\n"), "| $0")
}

// changedKey returns the lines that ssh prints when a host key has changed, if
// that is the cause of err.
func changedKey(err error) string {
	var host *knownhosts.HostKeyError
	if errors.As(err, &host) {
		if w := host.Warning(); w != "" {
			return asSSH(w) + "\n"
		}
	}
	return ""
}

// cause returns err in an attribute. It returns none for a context that was
// cancelled.
func cause(err error) slog.Attr {
	if err == nil || errors.Is(err, context.Canceled) {
		return slog.Attr{}
	}
	return slog.String("error", wording.Of(err))
}

// text returns an attribute, or none if value is empty.
func text(key, value string) slog.Attr {
	if value == "" {
		return slog.Attr{}
	}
	return slog.String(key, value)
}
