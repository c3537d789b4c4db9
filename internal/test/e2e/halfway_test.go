//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// part is how much of a file has moved when something happens to it. What is
// left is more than all buffers on the way hold, and takes a client that reads
// or writes so much at a time several seconds.
const (
	part  = 1_000_000
	whole = 60_000_000
	chunk = 64 << 10
	pace  = 10 * time.Millisecond
)

// A transferLine is what the program's log says of a transfer.
type transferLine struct {
	Msg, Result, Command, File, Direction, Leg, Error string
	Bytes                                             int64
	Reply                                             int
}

// transferLines returns what a program that logs in JSON has said of transfers.
func transferLines(p *lab.Process) (lines []transferLine) {
	for text := range strings.Lines(p.Stderr.String()) {
		var line transferLine
		if json.Unmarshal([]byte(text), &line) == nil && line.Msg == "transfer" {
			lines = append(lines, line)
		}
	}
	return lines
}

// startLogging starts the program, which is to log in JSON when sessions end.
func (s *site) startLogging(args ...string) *lab.Process {
	s.t.Helper()
	return s.start(append([]string{"-v", "--log-format=json"}, args...)...)
}

// A halfway is a transfer in its middle.
type halfway struct {
	t       *testing.T
	upload  bool
	control *textproto.Conn
	conn    *net.TCPConn // the control connection
	data    *net.TCPConn
}

// An ending is what the client has seen of the end of a transfer.
type ending struct {
	codes   []int // of replies, but for preliminary ones
	control error // nil if the control connection goes on
	data    error // nil if the data came to an end of file, or was all taken
	moved   int64 // since it was in its middle
}

// success reports whether a client would believe that all has gone well.
func (e ending) success(upload bool) bool {
	for _, code := range e.codes {
		if code/100 == 2 {
			return upload || e.data == nil
		}
	}
	return false
}

func (e ending) String() string {
	return fmt.Sprintf("replies %v, control: %v, data: %v after %d bytes", e.codes, e.control, e.data, e.moved)
}

// passive opens a data connection through the tunnel.
func (s *site) passive(c *textproto.Conn) (*net.TCPConn, error) {
	if err := c.PrintfLine("EPSV"); err != nil {
		return nil, err
	}
	_, text, err := c.ReadResponse(229)
	if err != nil {
		return nil, err
	}
	data, err := s.Client.DialContext(s.t.Context(), "tcp", "127.0.0.1:"+regexp.MustCompile(`\d+`).FindString(text))
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = data.Close() })
	return data.(*net.TCPConn), data.SetDeadline(time.Now().Add(time.Minute))
}

// begin begins to download a file called big, or to upload one called sent, and
// stops in its middle.
func (s *site) begin(ftp *lab.FTPServer, upload bool) *halfway {
	s.t.Helper()
	if upload {
		return s.beginUpload(ftp, "sent")
	}
	h := s.command(ftp, "RETR big")
	_, err := io.CopyN(io.Discard, h.data, part)
	require.NoError(s.t, err)
	return h
}

// beginUpload begins to upload a file. Of one called sent some is at the server
// then.
func (s *site) beginUpload(ftp *lab.FTPServer, name string) *halfway {
	s.t.Helper()
	h := s.command(ftp, "STOR "+name)
	h.upload = true
	_, err := h.data.Write(make([]byte, part))
	require.NoError(s.t, err)
	if name == "sent" && ftp.Root != "" {
		eventually(s.t, "some of it is there", func() bool {
			size, _ := sizeOf(ftp.Path(name))
			return size > 0
		})
	}
	return h
}

// command logs in and sends a command that the server begins to obey.
func (s *site) command(ftp *lab.FTPServer, line string) *halfway {
	s.t.Helper()
	c, conn := s.loginAs(ftp)
	data, err := s.passive(c)
	require.NoError(s.t, err)
	require.NoError(s.t, c.PrintfLine("%s", line))
	_, _, err = c.ReadResponse(1)
	require.NoError(s.t, err)
	return &halfway{t: s.t, control: c, conn: conn, data: data}
}

// putBig puts the file there that is downloaded.
func putBig(t *testing.T, ftp *lab.FTPServer) {
	t.Helper()
	ftp.WriteFile(t, "big", "")
	require.NoError(t, os.Truncate(ftp.Path("big"), whole))
}

// goOn moves data until that ends or the control connection says that it has.
func (h *halfway) goOn() (e ending) {
	h.t.Helper()
	told := make(chan struct{})
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		e.moved, e.data = h.move(told)
	}()
	e.codes, e.control = h.replies()
	close(told)
	<-moved
	h.t.Log(e)
	return e
}

// move moves data, not too fast, until that ends. A client that has been told
// waits a moment for the end of a download, and closes after that of an upload.
func (h *halfway) move(told <-chan struct{}) (moved int64, err error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	ended := told
	for b := make([]byte, chunk); ; {
		select {
		case <-tick.C:
		case <-ended:
			if h.upload {
				return moved, h.data.Close()
			}
			ended = nil
			_ = h.data.SetReadDeadline(time.Now().Add(time.Second))
		}
		var n int
		if h.upload {
			n, err = h.data.Write(b)
		} else {
			n, err = h.data.Read(b)
		}
		moved += int64(n)
		if errors.Is(err, io.EOF) {
			return moved, nil
		}
		if err != nil {
			return moved, err
		}
	}
}

// replies reads replies up to a final one, or to the end of the control
// connection. Nothing may follow but the answer to what is asked next.
func (h *halfway) replies() (codes []int, err error) {
	for len(codes) == 0 {
		code, text, err := h.control.ReadResponse(0)
		if err != nil {
			return codes, err
		}
		h.t.Log(code, text)
		if code >= 200 {
			codes = append(codes, code)
		}
	}
	if codes[0] == 421 {
		_ = h.data.Close()
		_, err = h.control.ReadLine()
		assert.ErrorIs(h.t, err, io.EOF, "a 421 is the last word")
		return codes, err
	}
	if err := h.control.PrintfLine("NOOP"); err != nil {
		return codes, err
	}
	code, text, err := h.control.ReadResponse(0)
	if err == nil {
		assert.Equal(h.t, 200, code, text)
	}
	return codes, err
}

// close closes the client's connections.
func (h *halfway) close() {
	_ = h.data.Close()
	_ = h.conn.Close()
}

// hasFailedOnce waits for the end of a session in which one transfer failed, on
// one of the legs, and returns what the log says of that.
func hasFailedOnce(t *testing.T, p *lab.Process, upload bool, legs ...string) transferLine {
	t.Helper()
	p.Stderr.Await(t, `"msg":"session ended"`)
	lines := transferLines(p)
	require.Len(t, lines, 1, "one line for one transfer")
	line := lines[0]
	t.Logf("%+v", line)
	assert.Equal(t, "failed", line.Result)
	assert.Contains(t, legs, line.Leg)
	assert.NotEmpty(t, line.Error)
	assert.NotEqual(t, 2, line.Reply/100)
	command := "RETR"
	if upload {
		command = "STOR"
	}
	assert.Equal(t, command, line.Command)
	assert.Positive(t, line.Bytes)
	assert.Less(t, line.Bytes, int64(whole))
	return line
}
