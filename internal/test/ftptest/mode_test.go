package ftptest

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file reads a file in block mode.
func file(t *testing.T, conn net.Conn) string {
	t.Helper()
	var content strings.Builder
	for {
		header := make([]byte, 3)
		_, err := io.ReadFull(conn, header)
		require.NoError(t, err)
		_, err = io.CopyN(&content, conn, int64(header[1])<<8|int64(header[2]))
		require.NoError(t, err)
		if header[0] == 64 {
			return content.String()
		}
		require.Zero(t, header[0])
	}
}

func TestBlockModeKeepsItsDataConnection(t *testing.T) {
	for _, method := range []string{"EPSV", "PORT"} {
		c, s := start(t, Dialect{Modes: "SB"})
		large := make([]byte, 100_000)
		_, _ = rand.Read(large)
		require.NoError(t, s.Root.WriteFile("large", large, 0o600))
		require.NoError(t, s.Root.WriteFile("empty", nil, 0o600))
		assert.Regexp(t, "^200 ", c.ask(t, "MODE B"))
		open := c.open(t, method)
		assert.Regexp(t, "^150 ", c.ask(t, "RETR large"))
		conn := open()
		assert.True(t, string(large) == file(t, conn), "the file differs")
		c.reply(t, "226")

		assert.Regexp(t, "^150 ", c.ask(t, "RETR empty"))
		assert.Empty(t, file(t, conn))
		c.reply(t, "226")

		assert.Regexp(t, "^150 ", c.ask(t, "STOR up"))
		// Data, a marker, suspected data, the end of a record and of the file.
		_, err := io.WriteString(conn, "\x00\x00\x03one\x10\x00\x02m1\x20\x00\x03two\xc0\x00\x00")
		require.NoError(t, err)
		c.reply(t, "226")
		up, err := s.Root.ReadFile("up")
		require.NoError(t, err)
		assert.Equal(t, "onetwo", string(up))

		assert.Regexp(t, "^150 ", c.ask(t, "NLST"))
		assert.Equal(t, "empty\r\nlarge\r\nup\r\n", file(t, conn))
		c.reply(t, "226")

		assert.Regexp(t, "^200 ", c.ask(t, "MODE S"))
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		assert.Regexp(t, "^425 ", c.ask(t, "NLST"))
		assert.Equal(t, "onetwo", c.get(t, method, "RETR up"))
	}
}

func TestKeptDataConnectionIsClosedByAnotherPORTOrPASV(t *testing.T) {
	c, _ := start(t, Dialect{Modes: "B"})
	_ = c.ask(t, "MODE B")
	first := c.open(t, "PASV")()
	_ = c.ask(t, "NLST")
	_ = file(t, first)
	c.reply(t, "226")
	second := c.open(t, "PASV")()
	_, err := first.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_ = c.ask(t, "NLST")
	_ = file(t, second)
	c.reply(t, "226")
	assert.Regexp(t, "^221 ", c.ask(t, "QUIT"))
	_, err = second.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestIncompleteBlocksLeaveNoFile(t *testing.T) {
	for _, part := range []string{"", "\x00", "\x00\x00\x05half", "\x00\x00\x04half"} {
		c, s := start(t, Dialect{Modes: "B"})
		_ = c.ask(t, "MODE B")
		conn := c.open(t, "PASV")()
		_ = c.ask(t, "STOR file")
		_, err := io.WriteString(conn, part)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		c.reply(t, "426")
		assert.Empty(t, names(t, s.Root))
	}
}

func TestAbortClosesDataConnectionOfBlockMode(t *testing.T) {
	c, s := start(t, Dialect{Modes: "B"})
	_ = c.ask(t, "MODE B")
	conn := c.open(t, "PASV")()
	_ = c.ask(t, "STOR file")
	assert.Regexp(t, "^426 ", c.ask(t, "ABOR"))
	c.reply(t, "226")
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	assert.Empty(t, names(t, s.Root))
	assert.Regexp(t, "^425 ", c.ask(t, "STOR file"))
}

func TestDeflateModeMovesFiles(t *testing.T) {
	c, s := start(t, Dialect{Modes: "SZ"})
	assert.Contains(t, c.ask(t, "FEAT"), "\n MODE Z\n")
	_ = c.ask(t, "MODE Z")
	content := strings.Repeat("content ", 10_000)
	var compressed bytes.Buffer
	w := zlib.NewWriter(&compressed)
	_, _ = io.WriteString(w, content)
	require.NoError(t, w.Close())
	c.put(t, "PASV", "STOR file", compressed.String())
	stored, err := s.Root.ReadFile("file")
	require.NoError(t, err)
	assert.True(t, content == string(stored), "the file differs")

	r, err := zlib.NewReader(strings.NewReader(c.get(t, "PORT", "RETR file")))
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.True(t, content == string(b), "the file differs")

	conn := c.open(t, "PASV")()
	_ = c.ask(t, "STOR half")
	_, _ = conn.Write(compressed.Bytes()[:compressed.Len()/2])
	require.NoError(t, conn.Close())
	c.reply(t, "426")
	assert.Equal(t, []string{"file"}, names(t, s.Root))
}

func TestUnsupportedModesAreRefused(t *testing.T) {
	c, _ := start(t, Dialect{})
	for _, letter := range []string{"B", "Z", "C", "", "SB"} {
		assert.Regexp(t, "^504 ", c.ask(t, "MODE "+letter))
	}
	assert.Regexp(t, "^200 ", c.ask(t, "MODE s"))
}
