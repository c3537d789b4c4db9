//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// part is how much of a file has moved when something happens. The rest is more
// than all buffers on the way hold, and takes several seconds for a client that
// reads or writes a chunk at this pace.
const (
	part  = 1_000_000
	whole = 60_000_000
	chunk = 64 << 10
	pace  = 10 * time.Millisecond
)

// A halfway is a transfer in progress.
type halfway struct {
	*client
	t      *testing.T
	upload bool
	data   *net.TCPConn
}

// An ending is what the client has seen of the end of a transfer.
type ending struct {
	codes   []int // of the final reply, if any
	control error // nil if the control connection is still usable
	data    error // nil after an end of file, or if all data was accepted
	moved   int64 // since the transfer was halfway
}

// success reports whether a client would believe that all went well.
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

// putBig creates the file that begin downloads.
func putBig(t *testing.T, ftp *lab.FTPServer) {
	t.Helper()
	ftp.WriteFile(t, "big", "")
	require.NoError(t, os.Truncate(ftp.Path("big"), whole))
}

// begin begins to download a file called big or to upload one called sent, and
// stops halfway.
func (s *site) begin(ftp *lab.FTPServer, upload bool) *halfway {
	s.t.Helper()
	if upload {
		return s.beginUpload(ftp, "sent")
	}
	h := s.beginTransfer(ftp, "RETR big")
	_, err := io.CopyN(io.Discard, h.data, part)
	require.NoError(s.t, err)
	return h
}

// beginUpload begins to upload a file. If it is called sent, a part of it is at
// the server when beginUpload returns.
func (s *site) beginUpload(ftp *lab.FTPServer, name string) *halfway {
	s.t.Helper()
	h := s.beginTransfer(ftp, "STOR "+name)
	h.upload = true
	_, err := h.data.Write(make([]byte, part))
	require.NoError(s.t, err)
	if name == "sent" && ftp.Root != "" {
		eventually(s.t, "a part is at the server", func() bool {
			size, _ := sizeOf(ftp.Path(name))
			return size > 0
		})
	}
	return h
}

// beginTransfer logs in and begins a transfer in passive mode.
func (s *site) beginTransfer(ftp *lab.FTPServer, command string) *halfway {
	s.t.Helper()
	c := s.loginTo(ftp)
	data, err := c.transfer("EPSV", command)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = data.Close() })
	return &halfway{client: c, t: s.t, data: data}
}

// finish moves data until that ends or a reply reports the end.
func (h *halfway) finish() (e ending) {
	h.t.Helper()
	replied := make(chan struct{})
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		e.moved, e.data = h.move(replied)
	}()
	e.codes, e.control = h.finalReplies()
	close(replied)
	<-moved
	h.t.Log(e)
	return e
}

// move moves data at a pace until that ends. After the reply, it waits a moment
// for the end of a download, and closes an upload.
func (h *halfway) move(replied <-chan struct{}) (moved int64, err error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	ended := replied
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

// finalReplies waits for a final reply or the end of the control connection.
// Only the answer to the next command may follow.
func (h *halfway) finalReplies() (codes []int, err error) {
	for len(codes) == 0 {
		r, err := h.next()
		if err != nil {
			return codes, err
		}
		h.t.Log(r)
		if r.code >= 200 {
			codes = append(codes, r.code)
		}
	}
	if codes[0] == 421 {
		_ = h.data.Close()
		_, err = h.next()
		assert.ErrorIs(h.t, err, io.EOF, "nothing follows a 421")
		return codes, err
	}
	r, err := h.ask("NOOP")
	if err == nil {
		assert.Equal(h.t, 200, r.code, r.text)
	}
	return codes, err
}

// leave closes both connections of the client.
func (h *halfway) leave() {
	_ = h.data.Close()
	h.close()
}
