package eventlog

import (
	"log/slog"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// An entry says how events of a kind are logged.
type entry struct {
	level    slog.Level
	msg      string
	attrs    func(events.Event) []slog.Attr
	advised  bool // with the hints about the event's error
	bare     bool // without the attributes of who
	verbatim bool // in a text log, the event's text only
}

// entries are the messages of the log. Document changes in docs/log.md.
var entries = map[events.Kind]entry{
	events.SessionOpened:   {level: slog.LevelDebug, msg: "session opened"},
	events.LoggedIn:        {level: slog.LevelDebug, msg: "logged in"},
	events.TransferStarted: {level: slog.LevelDebug, msg: "transfer started", attrs: started},
	events.TransferEnded:   {level: slog.LevelInfo, msg: "transfer", attrs: ended},
	events.SessionClosed:   {level: slog.LevelDebug, msg: "session closed", attrs: failure},
	events.LinePassed:      {level: settings.LevelLine, msg: "line", attrs: line, bare: true},
	events.Warned:          {level: slog.LevelWarn, attrs: warned, advised: true}, // the message is the event's text
	events.Changed:         {level: slog.LevelDebug, msg: "change", attrs: changed},

	events.Connecting:     {level: slog.LevelDebug, msg: "connecting", attrs: host},
	events.Connected:      {level: slog.LevelInfo, msg: "connected", attrs: connected},
	events.ConnectionLost: {level: slog.LevelWarn, msg: "connection lost", attrs: host, advised: true},
	events.ConnectFailed:  {level: slog.LevelWarn, msg: "cannot connect", attrs: retried},
	events.SSHWarning:     {level: slog.LevelWarn, msg: "ssh warning", attrs: warned, advised: true},
	events.Banner:         {level: slog.LevelInfo, msg: "banner", attrs: verbatim, verbatim: true},
	events.CommandOutput:  {level: settings.LevelNotice, msg: "command output", attrs: verbatim, verbatim: true},
	events.HostKeyNotice:  {level: settings.LevelNotice, msg: "host key", attrs: verbatim, verbatim: true},

	events.GatewaySelected: {level: slog.LevelInfo, msg: "gateway selected", attrs: selected},
	events.GatewaySkipped:  {level: slog.LevelWarn, msg: "gateway skipped", attrs: host, advised: true},
	events.GatewayNotBack:  {level: slog.LevelDebug, msg: "gateway not back", attrs: retried},
	events.GatewayGivenUp:  {level: slog.LevelError, msg: "gateway given up", attrs: host, advised: true},
	events.GatewayFailed:   {level: slog.LevelError, msg: "gateway failed", attrs: retried, advised: true},

	events.ConfigChanged:    {level: slog.LevelInfo, msg: "configuration changed"},
	events.ConfigUnchanged:  {level: slog.LevelInfo, msg: "configuration unchanged"},
	events.ConfigRejected:   {level: slog.LevelError, msg: "configuration rejected", attrs: host, advised: true},
	events.ConfigUnworkable: {level: slog.LevelError, msg: "no connection with the changed configuration", attrs: host, advised: true},

	events.TunnelAdded:   {level: slog.LevelInfo, msg: "tunnel added"},
	events.TunnelChanged: {level: slog.LevelInfo, msg: "tunnel changed"},
	events.TunnelRemoved: {level: slog.LevelInfo, msg: "tunnel removed"},
	events.FileUnchanged: {level: slog.LevelInfo, msg: "configuration file unchanged"},
	events.FileRejected:  {level: slog.LevelError, msg: "configuration file rejected", attrs: host, advised: true},

	events.PortExposed:    {level: slog.LevelWarn, msg: "other hosts can connect to this port, unencrypted"},
	events.Stopping:       {level: slog.LevelInfo, msg: "stopping", attrs: stopping},
	events.ClientsRemain:  {level: slog.LevelWarn, msg: "the command has ended, but clients are connected", attrs: remaining},
	events.Summary:        {level: settings.LevelNotice, msg: "summary", attrs: verbatim, verbatim: true},
	events.ServeFailed:    {level: slog.LevelError, msg: "forwarding failed", attrs: host, advised: true},
	events.Failed:         {level: slog.LevelError, msg: "failed", attrs: host, advised: true},
	events.RecordFailed:   {level: slog.LevelError, msg: "cannot record transfers", attrs: recorded, advised: true},
	events.RecordsResumed: {level: slog.LevelWarn, msg: "transfers are recorded again", attrs: recorded},
	events.EventsDropped:  {level: slog.LevelWarn, msg: "events dropped", attrs: dropped},
}

// who returns the attributes of the session and its connections.
func who(e events.Event) []slog.Attr {
	attrs := make([]slog.Attr, 0, 7)
	attrs = append(attrs, text("tunnel", e.Tunnel))
	if e.Session != 0 {
		attrs = append(attrs, slog.Int64("session", e.Session))
	}
	return append(attrs,
		text("client", e.Client), text("listener", e.Listener), text("server", e.Server), text("gateway", e.Gateway), text("user", e.User))
}

// started leaves out the method: the data connection may be opened later.
func started(e events.Event) []slog.Attr {
	t := e.Transfer
	return []slog.Attr{
		slog.Int64("transfer", t.Number), slog.String("command", t.Command), slog.String("file", t.File), text("path", t.Path),
		slog.String("direction", string(t.Direction)), slog.String("type", t.Type), slog.String("mode", t.Mode),
	}
}

func ended(e events.Event) []slog.Attr {
	t, result, serverMethod := e.Transfer, "ok", e.Transfer.ServerMethod
	if t.Err != nil {
		result = "failed"
	}
	if serverMethod == t.Method {
		serverMethod = ""
	}
	return []slog.Attr{
		slog.Int64("transfer", t.Number), slog.String("result", result),
		slog.String("command", t.Command), slog.String("file", t.File), text("path", t.Path),
		slog.String("direction", string(t.Direction)), slog.String("method", t.Method), text("server_method", serverMethod),
		slog.String("type", t.Type), slog.String("mode", t.Mode),
		slog.Int64("bytes", t.Bytes), slog.Int64("duration_ms", t.Duration.Milliseconds()), slog.Int("reply", t.Reply),
		text("blame", t.Blame.String()), cause(t.Err),
	}
}

func changed(e events.Event) []slog.Attr {
	c, result, refusal := e.Change, "ok", ""
	if c.Reply >= 400 {
		result, refusal = "failed", c.Text
	}
	return []slog.Attr{
		slog.String("result", result), slog.String("command", c.Command), slog.String("file", c.File), text("path", c.Path),
		slog.Int("reply", c.Reply), text("error", refusal),
	}
}

// line has no attribute "sent" for a line that was sent on as it was received.
func line(e events.Event) []slog.Attr {
	attrs := []slog.Attr{
		slog.Int64("session", e.Session), slog.String("from", e.Line.From.String()), slog.String("to", e.Line.To.String()),
		slog.String("received", e.Line.Received),
	}
	if e.Line.Sent == e.Line.Received {
		return attrs
	}
	return append(attrs, slog.String("sent", e.Line.Sent))
}

func warned(e events.Event) []slog.Attr {
	return append([]slog.Attr{slog.String("warning", e.Warning)}, host(e)...)
}

func failure(e events.Event) []slog.Attr { return []slog.Attr{cause(e.Err)} }

func host(e events.Event) []slog.Attr { return []slog.Attr{text("host", e.Host), cause(e.Err)} }

func connected(e events.Event) []slog.Attr {
	return append(host(e), slog.String("negotiated", e.Text))
}

func retried(e events.Event) []slog.Attr {
	return append(host(e), slog.Int64("next_try_ms", e.Wait.Milliseconds()))
}

func verbatim(e events.Event) []slog.Attr {
	return []slog.Attr{text("host", e.Host), slog.String("text", e.Text)}
}

func selected(e events.Event) []slog.Attr {
	return []slog.Attr{text("previous", e.Previous), cause(e.Err)}
}

// stopping has no attribute if nothing runs.
func stopping(e events.Event) []slog.Attr {
	if e.Wait == 0 {
		return nil
	}
	return []slog.Attr{slog.Int64("drain_timeout_ms", e.Wait.Milliseconds())}
}

// recorded is about the file in which transfers are recorded.
func recorded(e events.Event) []slog.Attr {
	attrs := []slog.Attr{slog.String("record", e.Path), cause(e.Err)}
	if e.Count > 0 {
		attrs = append(attrs, slog.Int64("missing", e.Count))
	}
	return attrs
}

func remaining(e events.Event) []slog.Attr {
	return []slog.Attr{
		slog.Int64("clients", e.Count), slog.Int("transfers", e.Transfers), slog.Int64("drain_timeout_ms", e.Wait.Milliseconds()),
	}
}

func dropped(e events.Event) []slog.Attr { return []slog.Attr{slog.Int64("dropped", e.Count)} }
