package ftpfwd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCommandsAreReadAsServersReadThem(t *testing.T) {
	for line, want := range map[string]command{
		"PASV\r\n":                         {verb: "PASV"},
		"pasv":                             {verb: "PASV"},
		" PASV \n":                         {verb: "PASV"},
		"PASV x\r\n":                       {verb: "PASV", argument: "x"},
		"RETR a b.txt\r\n":                 {verb: "RETR", argument: "a b.txt"},
		"PORT  1,2\r\n":                    {verb: "PORT", argument: "1,2"},
		"\xff\xf4\xff\xf2ABOR\r\n":         {verb: "ABOR", prefix: 4},
		"\xff\xf4\xffABOR\r\n":             {verb: "ABOR", prefix: 3},
		"\xff\xf4\xf2ABOR\r\n":             {verb: "ABOR", prefix: 3},
		"\xff\xfb\x06\xff\xfd\x06NOOP\r\n": {verb: "NOOP", prefix: 6},
		"\r\n":                             {},
	} {
		assert.Equal(t, want, parseCommand([]byte(line)), "%q", line)
	}
}

func TestEPSVALLOpensNothing(t *testing.T) {
	assert.Equal(t, verbParameter, parseCommand([]byte("EPSV all\r\n")).kind())
	assert.Equal(t, verbPassive, parseCommand([]byte("EPSV 2\r\n")).kind())
	assert.Equal(t, verbPassive, parseCommand([]byte("epsv\r\n")).kind())
}

func TestRepliesAreFramed(t *testing.T) {
	type l = replyLine
	for product, c := range map[string]struct {
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
	} {
		var r replyReader
		for i, line := range strings.Split(c.lines, "|") {
			assert.Equal(t, c.want[i], r.next([]byte(line+"\r\n")), "%s: %q", product, line)
		}
	}
}

func TestLongLinesComeInPiecesAndNothingIsLost(t *testing.T) {
	long := strings.Repeat("x", 3000)
	var r lineReader
	var pieces []piece
	for _, b := range []string{"NOOP\r", "\nPA", "SV\r\n" + long, long + "\r\nQUIT\r\nlast"} {
		r.feed([]byte(b))
		for p, ok := r.next(false); ok; p, ok = r.next(false) {
			pieces = append(pieces, p)
		}
		require.LessOrEqual(t, len(r.buf), maxInspected)
	}
	p, ok := r.next(true)
	require.True(t, ok)
	pieces = append(pieces, p)
	var all []byte
	var whole []string
	for _, p := range pieces {
		all = append(all, p.bytes...)
		if p.whole {
			whole = append(whole, string(p.bytes))
		}
	}
	assert.Equal(t, "NOOP\r\nPASV\r\n"+long+long+"\r\nQUIT\r\nlast", string(all))
	assert.Equal(t, []string{"NOOP\r\n", "PASV\r\n", "QUIT\r\n"}, whole)
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("NOOP\r\nPASV\r\n"), uint8(3))
	f.Add(bytes.Repeat([]byte("x\n"), 3000), uint8(200))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		var r lineReader
		var all []byte
		take := func(atEnd bool) {
			for p, ok := r.next(atEnd); ok; p, ok = r.next(atEnd) {
				require.NotEmpty(t, p.bytes)
				all = append(all, p.bytes...)
			}
			require.LessOrEqual(t, len(r.buf), maxInspected)
		}
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(step)*16+1)
			r.feed(rest[:n])
			take(false)
			rest = rest[n:]
		}
		take(true)
		require.Equal(t, string(b), string(all))
	})
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
