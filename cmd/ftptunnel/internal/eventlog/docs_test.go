package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
)

// everything is an event in which every field is set.
var everything = events.Event{
	Time: time.Now(), Session: 1, Client: "c", Listener: "l", Server: "s", Gateway: "g", User: "u",
	Transfer: ftpfwd.Transfer{
		Number: 1, Command: "RETR", File: "f", Path: "/f", Direction: ftpfwd.Download, Type: "I", Mode: "S",
		Method: "EPSV", ServerMethod: "PASV", Bytes: 1, Duration: time.Second, Reply: 226, Blame: ftpfwd.Client, Err: io.EOF,
	},
	Line:   ftpfwd.Line{From: ftpfwd.Client, To: ftpfwd.Server, Received: "NOOP", Sent: "NOOP"},
	Change: ftpfwd.Change{Command: "DELE", File: "f", Path: "/f", Reply: 550, Text: "550 no"},
	Tunnel: "a", Warning: "w", Host: "h", Previous: "p", Text: "t", Err: errors.New("e"), Wait: time.Second, Count: 1, Transfers: 1, Path: "p",
}

func TestDocsHaveEveryMessageAndAttribute(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/log.md")
	require.NoError(t, err)
	for kind, entry := range entries {
		var out bytes.Buffer
		e := everything
		e.Kind = kind
		New(&out, settings.Log{Level: settings.LevelLine, JSON: true}, NoAdvice).write(e)
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
		for name := range line {
			assert.Contains(t, string(page), "`"+name+"`", "%s", entry.msg)
		}
		if entry.msg != "" {
			assert.Regexp(t, "(?m)(^### "+entry.msg+"$|`"+entry.msg+"`)", string(page))
		}
	}
	for _, w := range ftpfwd.Warnings {
		assert.Contains(t, string(page), "`"+string(w)+"`")
	}
}
