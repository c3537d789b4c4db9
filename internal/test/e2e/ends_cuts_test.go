//go:build linux

package e2e

import (
	"bytes"
	"fmt"
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
	s       *site
	ftp     *lab.FTPServer
	relay   *lab.Relay
	program *program
	upload  bool
	moves   int
	file    []byte
}

// A span is how many bytes have passed in a direction when a client has logged
// in, and when its transfer is confirmed.
type span struct{ login, end int64 }

func newCutter(t *testing.T, upload bool) *cutter {
	s := throughSSHD(t)
	c := &cutter{s: s, upload: upload, file: random(1 << 20), ftp: s.vsftpd(s.Gateway)}
	c.ftp.WriteFile(t, "f", string(c.file))
	c.relay = lab.NewRelay(t, s.Client, "127.0.0.1:0", s.Gateway.Addr.String()+":22")
	c.program = s.startLogging("-o", "HostName=127.0.0.1", "-o", "HostKeyAlias=gateway",
		"-p", c.relay.Address[strings.LastIndex(c.relay.Address, ":")+1:], "gateway")
	return c
}

// move logs in and moves the file. It returns nil if the client received a
// success. It calls loggedIn after the login.
func (c *cutter) move(loggedIn func()) error {
	ftp, err := enter(c.s.Client)
	if err != nil {
		return err
	}
	defer ftp.close()
	loggedIn()
	// Each upload has a name of its own: vsftpd waits, for up to a minute, for
	// another upload of the same name.
	c.moves++
	sent := fmt.Sprintf("sent%d", c.moves)
	var got []byte
	if c.upload {
		if err := ftp.upload("pub/"+sent, c.file); err != nil {
			return err
		}
		got, err = os.ReadFile(c.ftp.Path(sent))
		require.NoError(c.s.t, err)
	} else if got, err = ftp.download("EPSV", "pub/f"); err != nil {
		return err
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

// serve requires that a client can log in, through a new SSH connection if need
// be.
func (c *cutter) serve() {
	ftp, err := enter(c.s.Client)
	require.NoError(c.s.t, err, "after a cut")
	ftp.close()
	c.awaitNoSession()
}

func (c *cutter) awaitNoSession() {
	eventually(c.s.t, "the session's end", func() bool { return c.program.sessions() == 0 })
}

// cut moves the file and cuts the connection after n bytes in a direction, if so
// many pass.
func (c *cutter) cut(d lab.Direction, n int64, how lab.Cut) {
	t := c.s.t
	began := time.Now()
	c.serve()
	before := len(c.program.logged(transferred))
	done := c.relay.CutAfter(d, n, how)
	err := c.move(func() {})
	c.relay.Spare()
	c.awaitNoSession()
	cut := "not cut"
	select {
	case <-done:
		cut = "cut"
	default:
		assert.NoError(t, err, "it was not cut")
	}
	lines := c.program.logged(transferred)[before:]
	what := fmt.Sprintf("%s after %d: %v, %v (%v)", cut, n, err, lines, time.Since(began).Round(time.Millisecond))
	t.Log(what)
	if assert.LessOrEqual(t, len(lines), 1, what); len(lines) == 0 {
		assert.Error(t, err, what)
		return
	}
	if err == nil {
		assert.Equal(t, "ok", lines[0][attrResult], what)
		assert.EqualValues(t, len(c.file), lines[0].number(attrBytes), what)
		return
	}
	assert.Equal(t, "failed", lines[0][attrResult], what)
	assert.Equal(t, "server", lines[0][attrLeg], what)
	assert.NotEmpty(t, lines[0][attrError], what)
}

// places returns after how many bytes to cut: at short intervals behind the
// login and before the end, where control messages are exchanged, and in the
// middle. Runs differ by a few bytes, so a place does not mean the same each
// time.
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

// After a success the file is where it was sent, and the log reports a success;
// otherwise the client sees a failure. The next client is served in any case.
func TestConnectionCutAtAnyByteIsNeverSuccessWithoutFile(t *testing.T) {
	t.Parallel()
	for _, upload := range []bool{false, true} {
		t.Run(fmt.Sprintf("upload=%v", upload), func(t *testing.T) {
			t.Parallel()
			c := newCutter(t, upload)
			require.NoError(t, c.move(func() {})) // what happens once has happened
			for d, passed := range c.measure() {
				for i, n := range places(passed) {
					c.cut(lab.Direction(d), n, lab.Cut((i+d)%2))
				}
			}
			c.serve()
		})
	}
}
