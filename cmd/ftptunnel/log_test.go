package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

var ended = ftpfwd.Event{Kind: ftpfwd.TransferEnded, Session: 7, Transfer: ftpfwd.Transfer{
	Command: "RETR", File: "a b.bin", Direction: ftpfwd.Download, Method: "EPSV", Bytes: 42, Duration: 1500 * time.Millisecond, Reply: 226,
}}

func TestATransfersEndIsOneLine(t *testing.T) {
	var out bytes.Buffer
	logSessions(newLogger(&out, "text", 0, false))(ended)
	assert.Contains(t, out.String(), `level=INFO msg=transfer session=7 result=ok command=RETR file="a b.bin" direction=download mode=EPSV bytes=42 duration=1.5s reply=226`+"\n")

	out.Reset()
	failed := ended
	failed.Transfer.Err, failed.Transfer.Blame = errors.New("reset"), ftpfwd.Client
	logSessions(newLogger(&out, "json", 0, false))(failed)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	assert.Equal(t, "WARN", line["level"])
	assert.Equal(t, "failed", line["result"])
	assert.Equal(t, "client", line["leg"])
	assert.Equal(t, "reset", line["error"])
}

func TestMoreIsToldOnlyWhenAskedFor(t *testing.T) {
	events := []ftpfwd.Event{
		{Kind: ftpfwd.SessionOpened}, {Kind: ftpfwd.LinePassed}, ended, {Kind: ftpfwd.Warned, Text: "odd"},
	}
	for _, c := range []struct {
		verbose int
		quiet   bool
		lines   int
	}{{0, true, 1}, {0, false, 2}, {1, false, 3}, {2, false, 4}} {
		var out bytes.Buffer
		tell := logSessions(newLogger(&out, "text", c.verbose, c.quiet))
		for _, e := range events {
			tell(e)
		}
		assert.Equal(t, c.lines, bytes.Count(out.Bytes(), []byte("\n")), out.String())
	}
}

func TestServersCannotSteerTheTerminal(t *testing.T) {
	var log, shown bytes.Buffer
	logTunnel(newLogger(&log, "text", 0, false), &shown)(tunnel.Event{
		Kind: tunnel.Banner, Text: "Wel\x1b[2Jcome, \u00e9l\u00e8ve\x07\r\n",
	})
	assert.Equal(t, "Wel[2Jcome, \u00e9l\u00e8ve\n", shown.String())
}

func TestAdviceIsOneAttribute(t *testing.T) {
	var out bytes.Buffer
	logSessions(newLogger(&out, "json", 0, false))(ftpfwd.Event{
		Kind: ftpfwd.Warned, Text: "no data connection",
		Err: &tunnel.OpenError{Address: "[::1]:21", Prohibited: true, Err: errors.New("open failed")},
	})
	assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte(`"hint"`)), out.String())
	assert.Contains(t, out.String(), "AllowTcpForwarding")
	assert.Contains(t, out.String(), "PermitOpen [::1]:*")
	assert.Equal(t, []string{"can the gateway reach it? from there: nc -v ::1 21"},
		hints(&tunnel.OpenError{Address: "[::1]:21", Err: errors.New("No route to host")}))
}
