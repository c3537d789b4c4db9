//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A cutter moves files through an SSH connection that can be cut at any byte.
type cutter struct {
	s      *site
	ftp    *lab.FTPServer
	relay  *lab.Relay
	p      *lab.Process
	upload bool
	moves  int
	file   []byte
}

// A span is what has passed in a direction when a client has logged in, and when
// its transfer has been confirmed.
type span struct{ login, end int64 }

func newCutter(t *testing.T, upload bool) *cutter {
	s := throughSSHD(t)
	c := &cutter{s: s, upload: upload, file: make([]byte, 1<<20), ftp: s.vsftpd(s.Gateway)}
	_, _ = rand.Read(c.file)
	c.ftp.WriteFile(t, "f", string(c.file))
	c.relay = lab.NewRelay(t, s.Client, "127.0.0.1:0", s.Gateway.Addr.String()+":22")
	c.p = s.startLogging("-o", "HostName=127.0.0.1", "-o", "HostKeyAlias=gateway", "-p", c.relay.Address[strings.LastIndex(c.relay.Address, ":")+1:], "gateway")
	return c
}

// move logs in and moves the file. It returns nil if it was told that all went
// well. It calls loggedIn meanwhile.
func (c *cutter) move(loggedIn func()) error {
	ftp, err := c.s.login()
	if err != nil {
		return err
	}
	defer ftp.Close()
	loggedIn()
	data, err := c.s.passive(ftp.Conn)
	if err != nil {
		return err
	}
	defer data.Close()
	// A name of its own for each upload: vsftpd waits for whoever is still at one
	// of the same name, and that can be a minute.
	c.moves++
	sent, command := fmt.Sprintf("sent%d", c.moves), "RETR pub/f"
	if c.upload {
		command = "STOR pub/" + sent
	}
	if _, err := ftp.command(150, "%s", command); err != nil {
		return err
	}
	var got []byte
	if c.upload {
		if _, err = data.Write(c.file); err == nil {
			err = data.CloseWrite()
		}
	} else {
		got, err = io.ReadAll(data)
	}
	if err != nil {
		return err
	}
	if _, _, err := ftp.ReadResponse(226); err != nil {
		return err
	}
	if c.upload {
		got, err = os.ReadFile(c.ftp.Path(sent))
		require.NoError(c.s.t, err)
	}
	assert.True(c.s.t, bytes.Equal(c.file, got), "a success with %d bytes of %d", len(got), len(c.file))
	return nil
}

// measure moves the file and returns how much passes in each direction.
func (c *cutter) measure() (passed [2]span) {
	up, down := c.relay.Passed(lab.Up), c.relay.Passed(lab.Down)
	require.NoError(c.s.t, c.move(func() {
		passed[lab.Up].login, passed[lab.Down].login = c.relay.Passed(lab.Up)-up, c.relay.Passed(lab.Down)-down
	}))
	passed[lab.Up].end, passed[lab.Down].end = c.relay.Passed(lab.Up)-up, c.relay.Passed(lab.Down)-down
	return passed
}

// serve has a client log in, for whom the connection is made again.
func (c *cutter) serve() {
	ftp, err := c.s.login()
	require.NoError(c.s.t, err, "after a cut")
	require.NoError(c.s.t, ftp.Close())
	c.ended()
}

// ended waits until the program has no session.
func (c *cutter) ended() {
	eventually(c.s.t, "the session's end", func() bool {
		log := c.p.Stderr.String()
		return strings.Count(log, `"session began"`) == strings.Count(log, `"session ended"`)
	})
}

// cut moves the file and cuts the connection meanwhile, if that comes to pass.
func (c *cutter) cut(d lab.Direction, n int64, how lab.Cut) {
	t := c.s.t
	began := time.Now()
	c.serve()
	before := len(transferLines(c.p))
	done := c.relay.CutAfter(d, n, how)
	err := c.move(func() {})
	c.relay.Spare()
	c.ended()
	cut := "not cut"
	select {
	case <-done:
		cut = "cut"
	default:
		assert.NoError(t, err, "it was not cut")
	}
	lines := transferLines(c.p)[before:]
	what := fmt.Sprintf("%s after %d: %v, %+v (%v)", cut, n, err, lines, time.Since(began).Round(time.Millisecond))
	t.Log(what)
	if assert.LessOrEqual(t, len(lines), 1, what); len(lines) == 0 {
		assert.Error(t, err, what)
		return
	}
	if err == nil {
		assert.Equal(t, "ok", lines[0].Result, what)
		assert.EqualValues(t, len(c.file), lines[0].Bytes, what)
		return
	}
	assert.Equal(t, "failed", lines[0].Result, what)
	assert.Equal(t, "server", lines[0].Leg, what)
	assert.NotEmpty(t, lines[0].Error, what)
}

// places returns after how many bytes to cut: densely behind the login and
// before the end, where control messages are exchanged, and in the middle. Runs
// differ by a few bytes, so no place means the same each time.
func places(passed span) (places []int64) {
	login, end := passed.login, passed.end
	if os.Getenv("SOAK") != "" {
		for n := int64(1); n < 600; n += 10 {
			places = append(places, login/2+n, end+40-n, login+(end-login)*n/600)
		}
		return places
	}
	places = []int64{login / 2, login + 40, login + 100, login + 160}
	if end-login > 100_000 {
		places = append(places, login+33_000, login+(end-login)/2)
	}
	return append(places, end-110, end-70, end-36)
}

// A client that is told of success has the file, or the server has, and the
// program has said so; one that has not got it is told of failure. The next
// client is served in any case.
func TestAConnectionCutAtAnyByteIsNeverASuccessWithoutTheFile(t *testing.T) {
	t.Parallel()
	for _, upload := range []bool{false, true} {
		t.Run(fmt.Sprintf("upload=%v", upload), func(t *testing.T) {
			t.Parallel()
			c := newCutter(t, upload)
			require.NoError(t, c.move(func() {})) // so that what happens once has happened
			for d, passed := range c.measure() {
				for i, n := range places(passed) {
					c.cut(lab.Direction(d), n, lab.Cut((i+d)%2))
				}
			}
			c.serve()
		})
	}
}
