//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Attributes of the program's log.
const (
	attrMessage    = "msg"
	attrResult     = "result"
	attrCommand    = "command"
	attrFile       = "file"
	attrDirection  = "direction"
	attrMode       = "method"
	attrServerMode = "server_method"
	attrBytes      = "bytes"
	attrReply      = "reply"
	attrLeg        = "blame"
	attrError      = "error"
	attrHint       = "hint"
	attrGateway    = "gateway"
	attrReceived   = "received" // of a line of FTP
)

// Messages of the program's log.
const (
	sessionBegan = "session opened"
	sessionEnded = "session closed"
	transferred  = "transfer"
	inUse        = "gateway selected"
	ftpLine      = "line" // of FTP, with -vv

	rejection = "rejected" // in messages about clients and data connections
)

// A logLine is a line of the program's log: the text of each attribute.
type logLine map[string]string

// has reports whether the line has attributes, which are pairs of key and value.
func (l logLine) has(attrs ...string) bool {
	for pair := range slices.Chunk(attrs, 2) {
		if value, ok := l[pair[0]]; !ok || value != pair[1] {
			return false
		}
	}
	return true
}

// number returns the value of an attribute that is a number; 0 if there is none.
func (l logLine) number(key string) int64 {
	n, _ := strconv.ParseInt(l[key], 10, 64)
	return n
}

var textAttr = regexp.MustCompile(`("(?:[^"\\]|\\.)*"|[^\s="]+)=("(?:[^"\\]|\\.)*"|\S*)`)

// parseLog parses what the program has written to standard error, as text or
// JSON. It leaves out what is no log line.
func parseLog(text string) (lines []logLine) {
	for line := range strings.Lines(text) {
		l := logLine{}
		if d := json.NewDecoder(bytes.NewReader([]byte(line))); strings.HasPrefix(line, "{") {
			var values map[string]any
			d.UseNumber()
			if d.Decode(&values) != nil {
				continue
			}
			for key, value := range values {
				l[key] = fmt.Sprint(value)
			}
		} else {
			for _, m := range textAttr.FindAllStringSubmatch(line, -1) {
				l[unquoted(m[1])] = unquoted(m[2])
			}
		}
		if l[attrMessage] != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

func unquoted(text string) string {
	if s, err := strconv.Unquote(text); err == nil {
		return s
	}
	return text
}

// logged returns the lines with a message and attributes, which are pairs of key
// and value.
func (p *program) logged(message string, attrs ...string) (lines []logLine) {
	for _, l := range parseLog(p.Stderr.String()) {
		if l[attrMessage] == message && l.has(attrs...) {
			lines = append(lines, l)
		}
	}
	return lines
}

// awaitLog waits for a line with a message and attributes, which are pairs of
// key and value, and returns the first.
func (p *program) awaitLog(message string, attrs ...string) logLine {
	p.t.Helper()
	var lines []logLine
	eventually(p.t, fmt.Sprintf("%q %q in the log", message, attrs), func() bool {
		lines = p.logged(message, attrs...)
		return len(lines) > 0
	})
	return lines[0]
}

// awaitTransfer waits for the line of a transfer with attributes, which are
// pairs of key and value, and returns the first.
func (p *program) awaitTransfer(attrs ...string) logLine {
	p.t.Helper()
	return p.awaitLog(transferred, attrs...)
}

// noTransferFailed checks that no transfer has failed so far.
func (p *program) noTransferFailed() {
	p.t.Helper()
	assert.Empty(p.t, p.logged(transferred, attrResult, "failed"))
}

// sessions returns how many sessions the program has now. It logs them with -v.
func (p *program) sessions() int {
	return len(p.logged(sessionBegan)) - len(p.logged(sessionEnded))
}

// failedOnce waits for the end of a session in which one transfer failed on one
// of the legs, and returns the line about it.
func (p *program) failedOnce(upload bool, legs ...string) logLine {
	p.t.Helper()
	p.awaitLog(sessionEnded)
	lines := p.logged(transferred)
	require.Len(p.t, lines, 1, "one line for one transfer")
	line := lines[0]
	p.t.Log(line)
	assert.Equal(p.t, "failed", line[attrResult])
	assert.Contains(p.t, legs, line[attrLeg])
	assert.NotEmpty(p.t, line[attrError])
	assert.NotEqual(p.t, int64(2), line.number(attrReply)/100)
	command := "RETR"
	if upload {
		command = "STOR"
	}
	assert.Equal(p.t, command, line[attrCommand])
	if !upload { // bytes count when they have been handed on, and the server may have them a moment before
		assert.Positive(p.t, line.number(attrBytes))
	}
	assert.Less(p.t, line.number(attrBytes), int64(whole))
	return line
}

func TestLogLinesAreParsedInBothFormats(t *testing.T) {
	want := []logLine{{"level": "WARN", attrMessage: "a \"b\"", "some key": "1s", "bytes": "12345678", "empty": ""}}
	assert.Equal(t, want, parseLog("ssh: a banner\n"+`level=WARN msg="a \"b\"" "some key"=1s bytes=12345678 empty=""`+"\n"))
	assert.Equal(t, want, parseLog(`{"level":"WARN","msg":"a \"b\"","some key":"1s","bytes":12345678,"empty":""}`+"\n"))
}
