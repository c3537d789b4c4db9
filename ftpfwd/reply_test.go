package ftpfwd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplyReaderFindsFirstAndLastLines(t *testing.T) {
	type l = replyLine
	for name, c := range map[string]struct {
		lines string
		want  []replyLine
	}{
		"one line":   {"200 ok", []l{{code: 200, first: true, last: true, text: 4}}},
		"code alone": {"200", []l{{code: 200, first: true, last: true, text: 3}}},
		"no reply":   {"hello|20 x|2000 x|7xx", []l{{}, {}, {}, {}}},
		"several lines": {"211-Features:| EPSV|211-more|500 no end|211 End", []l{
			{code: 211, first: true, text: 4}, {code: 211}, {code: 211, text: 4}, {code: 211}, {code: 211, last: true, text: 4}}},
		"Telnet in front": {"\xff\xfe\x06200 NOOP", []l{{code: 200, first: true, last: true, text: 7}}},
		"glftpd ends 553- with 150": {"553-no|150 yes|226 done", []l{
			{code: 553, first: true, text: 4}, {code: 150, first: true, last: true, text: 4}, {code: 226, first: true, last: true, text: 4}}},
		"a number in the text of a success": {"226-|100 KB free|226 end", []l{
			{code: 226, first: true, text: 4}, {code: 226}, {code: 226, last: true, text: 4}}},
	} {
		var r replyReader
		for i, line := range strings.Split(c.lines, "|") {
			assert.Equal(t, c.want[i], r.next([]byte(line+"\r\n")), "%s: %q", name, line)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("220-hello\n220 x"))
	f.Add([]byte("\xff\xfe\x06227 (1,2,3,4,5,6)"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r replyReader
		for _, line := range bytes.Split(b, []byte("\n")) {
			l := r.next(line)
			require.LessOrEqual(t, l.text, len(line))
			require.True(t, l.code == 0 || (l.code >= 100 && l.code < 700))
			_ = parseCommand(line)
		}
	})
}
