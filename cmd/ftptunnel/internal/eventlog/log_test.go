package eventlog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
)

// session is about whom the events below are.
var session = events.Event{
	Time: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Session: 7, Client: "127.0.0.1:5000", Listener: "127.0.0.1:2121",
	Server: "ftp:21", Gateway: "gw", User: "bob",
}

// of returns an event of session.
func of(kind events.Kind, e events.Event) events.Event {
	e.Kind, e.Time, e.Session, e.Client, e.Listener, e.Server, e.Gateway, e.User = kind,
		session.Time, session.Session, session.Client, session.Listener, session.Server, session.Gateway, session.User
	return e
}

var download = ftpfwd.Transfer{
	Number: 3, Command: "RETR", File: "a b.bin", Path: "/pub/a b.bin", Direction: ftpfwd.Download, Type: "I", Mode: "S",
	Method: "EPSV", ServerMethod: "EPSV", Bytes: 42, Duration: 1500 * time.Millisecond, Reply: 226,
}

// logged returns what a log at a level writes about e.
func logged(level slog.Level, asJSON bool, e ...events.Event) string {
	var out bytes.Buffer
	l := New(&out, settings.Log{Level: level, JSON: asJSON}, NoAdvice)
	for _, e := range e {
		if l.wants(e.Kind) {
			l.write(e)
		}
	}
	return out.String()
}

func object(t *testing.T, line string) (m map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(line), &m), line)
	return m
}

func TestLogNamesClientServerAndGatewayOfTransfer(t *testing.T) {
	assert.Equal(t, `time=2026-11-27T12:00:00.000Z level=INFO msg=transfer session=7 client=127.0.0.1:5000 listener=127.0.0.1:2121 server=ftp:21 gateway=gw user=bob `+
		`transfer=3 result=ok command=RETR file="a b.bin" path="/pub/a b.bin" direction=download method=EPSV type=I mode=S bytes=42 duration_ms=1500 reply=226`+"\n",
		logged(slog.LevelInfo, false, of(events.TransferEnded, events.Event{Transfer: download})))
}

func TestLogBlamesSideForFailedTransfer(t *testing.T) {
	failed := download
	failed.ServerMethod, failed.Reply, failed.Blame, failed.Err = "PASV", 426, ftpfwd.Client, errors.New("reset")
	line := object(t, logged(slog.LevelWarn, true, of(events.TransferEnded, events.Event{Transfer: failed})))
	for key, want := range map[string]any{
		"level": "WARN", "msg": "transfer", "result": "failed", "blame": "client", "error": "reset", "server_method": "PASV",
		"reply": 426.0, "duration_ms": 1500.0, "client": "127.0.0.1:5000", "server": "ftp:21", "gateway": "gw",
	} {
		assert.Equal(t, want, line[key], key)
	}
}

func TestEachLevelAddsEvents(t *testing.T) {
	all := []events.Event{
		{Kind: events.SessionOpened}, {Kind: events.LinePassed}, {Kind: events.TransferEnded, Transfer: download},
		{Kind: events.HostKeyNotice, Text: "Warning: added"}, {Kind: events.Warned, Text: "odd"}, {Kind: 0},
	}
	for _, c := range []struct {
		level slog.Level
		lines int
	}{{slog.LevelWarn, 1}, {settings.LevelNotice, 2}, {slog.LevelInfo, 3}, {slog.LevelDebug, 4}, {settings.LevelLine, 5}} {
		out := logged(c.level, false, all...)
		assert.Equal(t, c.lines, bytes.Count([]byte(out), []byte("\n")), out)
	}
}

// Scripts match messages and attributes: each kind of event has a fixed message,
// and an attribute has neither spaces nor capitals.
func TestLogHasFixedMessagesAndSnakeCaseAttributes(t *testing.T) {
	failure := &tunnel.HopError{Hop: tunnel.Hop{Alias: "gw"}, Op: "dial", Err: errors.New("refused")}
	failed := download
	failed.Err, failed.Blame, failed.ServerMethod = failure, ftpfwd.Server, "PORT"
	for kind := events.SessionOpened; kind <= events.EventsDropped; kind++ {
		require.Contains(t, entries, kind)
		line := object(t, logged(settings.LevelLine, true, of(kind, events.Event{
			Transfer: failed, Line: ftpfwd.Line{Received: "NOOP"}, Warning: string(ftpfwd.NotFTP), Host: "ann@gw", Previous: "gw0",
			Text: "text of the event", Err: failure, Wait: time.Second, Count: 1,
		})))
		if msg := line["msg"]; kind == events.Warned {
			assert.Equal(t, "text of the event", msg)
		} else {
			assert.Equal(t, entries[kind].msg, msg)
			assert.Regexp(t, `^[a-z, ]+$`, msg)
		}
		for key := range line {
			assert.Regexp(t, `^[a-z]+(_[a-z]+)*$`, key)
		}
	}
}

func TestLogHasClassOfWarning(t *testing.T) {
	ssh := object(t, logged(slog.LevelWarn, true, events.Event{Kind: events.SSHWarning, Warning: string(tunnel.IdentityWarning), Host: "ann@gw", Err: errors.New("no")}))
	assert.Equal(t, "identity", ssh["warning"])
	assert.Equal(t, "ssh warning", ssh["msg"])
	fault := object(t, logged(slog.LevelWarn, true, events.Event{Kind: events.Warned, Warning: string(ftpfwd.InternalError), Text: "fault"}))
	assert.Equal(t, "ERROR", fault["level"])
}

func TestLogNamesItsLevels(t *testing.T) {
	assert.Contains(t, logged(settings.LevelLine, false, events.Event{Kind: events.LinePassed}), "level=LINE ")
	assert.Equal(t, "NOTICE", object(t, logged(slog.LevelInfo, true, events.Event{Kind: events.HostKeyNotice}))["level"])
}

func TestLogLineHasReceivedAndSent(t *testing.T) {
	out := logged(settings.LevelLine, false, of(events.LinePassed, events.Event{Line: ftpfwd.Line{
		From: ftpfwd.Client, To: ftpfwd.Server, Received: "PORT 127,0,0,1,9,9", Sent: "PORT 127,0,0,1,8,8",
	}}))
	assert.Contains(t, out, `msg=line session=7 from=client to=server received="PORT 127,0,0,1,9,9" sent="PORT 127,0,0,1,8,8"`+"\n")
}

func TestLogHasUnchangedLineOnce(t *testing.T) {
	for line, want := range map[ftpfwd.Line]string{
		{From: ftpfwd.Client, To: ftpfwd.Server, Received: "NOOP", Sent: "NOOP"}:   "from=client to=server received=NOOP\n",
		{From: ftpfwd.Client, To: ftpfwd.Tunnel, Received: "AUTH TLS"}:             "from=client to=tunnel received=\"AUTH TLS\" sent=\"\"\n",
		{From: ftpfwd.Tunnel, To: ftpfwd.Server, Received: "EPSV", Sent: "EPSV"}:   "from=tunnel to=server received=EPSV\n",
		{From: ftpfwd.Client, To: ftpfwd.Server, Received: "PASV", Sent: "EPSV 1"}: "from=client to=server received=PASV sent=\"EPSV 1\"\n",
	} {
		assert.Contains(t, logged(settings.LevelLine, false, of(events.LinePassed, events.Event{Line: line})), want)
	}
}

func TestLogHasChangesOfFiles(t *testing.T) {
	deleted := events.Event{Change: ftpfwd.Change{Command: "DELE", File: "a", Path: "/out/a", Reply: 250, Text: "250 gone"}}
	assert.Regexp(t, `level=DEBUG msg=change .*server=ftp:21 gateway=gw user=bob result=ok command=DELE file=a path=/out/a reply=250\n$`,
		logged(slog.LevelDebug, false, of(events.Changed, deleted)))
	refused := events.Event{Change: ftpfwd.Change{Command: "MKD", File: "b", Reply: 550, Text: "550 no"}}
	assert.Regexp(t, `msg=change .* result=failed command=MKD file=b reply=550 error="550 no"\n$`,
		logged(slog.LevelDebug, false, of(events.Changed, refused)))
	assert.Empty(t, logged(slog.LevelInfo, false, of(events.Changed, deleted)))
}

func TestLogHasNoDrainTimeoutIfNothingRuns(t *testing.T) {
	assert.Regexp(t, "msg=stopping\n$", logged(slog.LevelInfo, false, events.Event{Kind: events.Stopping}))
	assert.Regexp(t, "msg=stopping drain_timeout_ms=30000\n$", logged(slog.LevelInfo, false, events.Event{Kind: events.Stopping, Wait: 30 * time.Second}))
}

// Every text may come from a server, or be the name of a file.
func TestLogIsPrintableAndOneLineForEachEvent(t *testing.T) {
	const hostile = "x\x1b[2J\r\n{\"level\":\"INFO\",\"msg\":\"transfer\"}\nlevel=INFO msg=transfer\u009b\u202e\u2028\x7f\xff"
	e := everything
	e.Client, e.Listener, e.Server, e.Gateway, e.User, e.Warning, e.Host, e.Previous, e.Text = hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile
	e.Err, e.Transfer.Err = errors.New(hostile), errors.New(hostile)
	e.Transfer.File, e.Transfer.Path, e.Transfer.Command, e.Transfer.Type, e.Transfer.Mode = hostile, hostile, hostile, hostile, hostile
	e.Line.Received, e.Line.Sent = hostile, "other "+hostile
	e.Change = ftpfwd.Change{Command: hostile, File: hostile, Path: hostile, Reply: 550, Text: hostile}
	for kind, entry := range entries {
		e.Kind = kind
		for _, asJSON := range []bool{false, true} {
			out := logged(settings.LevelLine, asJSON, e)
			if !asJSON && entry.verbatim {
				continue
			}
			assert.Equal(t, 1, strings.Count(out, "\n"), out)
			assert.Equal(t, out, terminal.Printable(out))
			if asJSON {
				object(t, out)
			}
		}
	}
}

func TestBannerCannotForgeLines(t *testing.T) {
	banner := events.Event{Kind: events.Banner, Text: "Hello.\n\x1btime=2026 level=INFO msg=transfer\r\n  error: no\nhint: type this\nMind the time=now"}
	assert.Equal(t, "Hello.\n| time=2026 level=INFO msg=transfer\n|   error: no\n| hint: type this\nMind the time=now\n", logged(slog.LevelInfo, false, banner))
}

func TestFailureOfProgramIsALineOfJSON(t *testing.T) {
	line := object(t, JSON(events.Event{Kind: events.Failed, Err: &settings.Error{Text: "wrong\n\x1b[2J", Hint: "type this"}}, NoAdvice))
	assert.Equal(t, "ERROR", line["level"])
	assert.Equal(t, "failed", line["msg"])
	assert.Equal(t, "wrong\n\x1b[2J", line["error"])
	assert.Equal(t, "type this", line["hint"])
}

func TestLogCountsDroppedEvents(t *testing.T) {
	assert.Regexp(t, regexp.MustCompile(`level=WARN msg="events dropped" dropped=12\n$`), logged(slog.LevelWarn, false, events.Event{Kind: events.EventsDropped, Count: 12}))
}

func TestLogStripsControlCharactersFromBanner(t *testing.T) {
	banner := events.Event{Kind: events.Banner, Host: "ann@gw", Text: "Wel\x1b[2Jcome, \u00e9l\u00e8ve\x07\r\n"}
	assert.Equal(t, "Wel[2Jcome, \u00e9l\u00e8ve\n", logged(slog.LevelInfo, false, banner))
	assert.Empty(t, logged(slog.LevelWarn, false, banner))
	assert.Equal(t, banner.Text, object(t, logged(slog.LevelInfo, true, banner))["text"], "the log is JSON throughout")
}

func TestLogShowsChangedHostKeyLikeSSH(t *testing.T) {
	key, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	require.NoError(t, err)
	given := events.Event{Kind: events.GatewayGivenUp, Gateway: "gw", Err: &tunnel.HopError{Op: "verify host key", Err: &knownhosts.HostKeyError{
		Kind: knownhosts.Changed, Host: "gw", File: "/known_hosts", Line: 1, Key: key, Known: key,
	}}}
	assert.Contains(t, logged(slog.LevelWarn, false, given), "REMOTE HOST IDENTIFICATION HAS CHANGED")
	assert.Len(t, object(t, logged(slog.LevelWarn, true, given)), 5, "level, msg, gateway, error and hint")
}

func TestLogJoinsHintsInOneAttribute(t *testing.T) {
	out := logged(slog.LevelInfo, true, of(events.Warned, events.Event{
		Text: "no data connection", Warning: string(ftpfwd.NoDataConnection),
		Err: &tunnel.OpenError{Address: "[::1]:21", Prohibited: true, Err: errors.New("open failed")},
	}))
	line := object(t, out)
	assert.Equal(t, "no_data_connection", line["warning"])
	assert.Contains(t, line["hint"], "AllowTcpForwarding")
	assert.Contains(t, line["hint"], "PermitOpen [::1]:*")
	assert.Contains(t, out, "7", "the session")
}
