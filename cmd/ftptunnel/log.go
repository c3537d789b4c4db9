package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// levelLines is the level of single FTP lines, below the sessions'.
const levelLines = slog.LevelDebug - 4

// newLogger returns the logger for standard error.
func newLogger(w io.Writer, format string, verbose int, quiet bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: levelNames}
	switch {
	case quiet:
		options.Level = slog.LevelWarn
	case verbose == 1:
		options.Level = slog.LevelDebug
	case verbose > 1:
		options.Level = levelLines
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func levelNames(_ []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && level == levelLines {
		a.Value = slog.StringValue("LINE")
	}
	return a
}

// logTunnel tells what happens to the SSH connection. A line that is logged
// once for the person who waits, such as ssh's own warnings, goes to w as it
// stands.
func logTunnel(log *slog.Logger, w io.Writer) func(tunnel.Event) {
	return func(e tunnel.Event) {
		gateway := slog.String("gateway", e.Hop.String())
		switch e.Kind {
		case tunnel.Connecting:
			log.Debug("connecting", gateway)
		case tunnel.Up:
			log.Info("connected", gateway, "using", e.Text)
		case tunnel.Down:
			log.Warn("connection lost", gateway, "error", e.Err)
		case tunnel.Waiting:
			log.Warn("cannot connect", gateway, "error", e.Err, "next try", e.Wait.Round(time.Millisecond))
		case tunnel.Warning:
			log.Warn("warning", gateway, "error", e.Err, hintAttr(e.Err))
		case tunnel.Banner:
			if log.Enabled(context.Background(), slog.LevelInfo) {
				fmt.Fprintln(w, strings.TrimRight(printable(e.Text), "\n"))
			}
		}
	}
}

// logSessions tells what happens to FTP sessions: a line for each transfer's
// end, what a person should know, and more if asked for.
func logSessions(log *slog.Logger) func(ftpfwd.Event) {
	return func(e ftpfwd.Event) {
		session := slog.Int64("session", e.Session)
		switch e.Kind {
		case ftpfwd.SessionOpened:
			log.Debug("session began", session, "client", e.Client, "server", e.Server)
		case ftpfwd.SessionClosed:
			log.Debug("session ended", session, errorAttr(e.Err))
		case ftpfwd.TransferEnded:
			logTransfer(log.With(session), e.Transfer)
		case ftpfwd.LinePassed:
			log.Log(context.Background(), levelLines, "line", session, "from", e.Line.From.String(), "said", e.Line.Received, "heard", e.Line.Sent)
		case ftpfwd.Warned:
			log.Warn(e.Text, session, "server", e.Server, errorAttr(e.Err), hintAttr(e.Err))
		}
	}
}

func logTransfer(log *slog.Logger, t ftpfwd.Transfer) {
	level, result := slog.LevelInfo, "ok"
	if t.Err != nil {
		level, result = slog.LevelWarn, "failed"
	}
	attrs := []any{
		"result", result, "command", t.Command, "file", t.File, "direction", string(t.Direction), "mode", t.Method,
		"bytes", t.Bytes, "duration", t.Duration.Round(time.Millisecond), "reply", t.Reply, errorAttr(t.Err),
	}
	if t.ServerMethod != "" && t.ServerMethod != t.Method {
		attrs = append(attrs, "server-mode", t.ServerMethod)
	}
	if t.Blame != ftpfwd.NoSide {
		attrs = append(attrs, "leg", t.Blame.String())
	}
	log.Log(context.Background(), level, "transfer", attrs...)
}

// hintAttr is what to do about err, in one attribute; nothing if there is no
// advice.
func hintAttr(err error) slog.Attr {
	lines := hints(err)
	if len(lines) == 0 {
		return slog.Attr{}
	}
	return slog.String("hint", strings.Join(lines, "; "))
}

// errorAttr is nothing if there is no error.
func errorAttr(err error) slog.Attr {
	if err == nil || errors.Is(err, context.Canceled) {
		return slog.Attr{}
	}
	return slog.String("error", err.Error())
}
