package ftpfwd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLineReaderReturnsLongLinesInPieces(t *testing.T) {
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
