//go:build linux

package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

func TestFullDiskAtServerIsReportedToClient(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		require.NoError(s.t, os.Mkdir(ftp.Path("small"), 0o777))
		ftp.Listener().MountSmall(s.t, lab.UserHome+"/small", "2m")
		p := s.startLogging("gateway")
		h := s.beginUpload(ftp, "small/sent")
		seen := h.finish()
		assert.False(s.t, seen.success(true), "%v", seen)
		assert.NoError(s.t, seen.control, "the session continues")
		h.leave()
		line := p.failedOnce(true, "server")
		require.NotEmpty(s.t, seen.codes)
		assert.EqualValues(s.t, seen.codes[0], line.number(attrReply))
		assert.NotContains(s.t, line[attrError], "measured", "the reason, not what Pure-FTPd adds to it")
	})
}

// The clients of a killed program get no reply, although servers may confirm the part
// of an upload.
func TestKilledProgramIsNoSuccessForItsClients(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		putBig(s.t, ftp)
		for _, upload := range []bool{false, true} {
			p := s.startLogging("gateway")
			h := s.begin(ftp, upload)
			require.NoError(s.t, p.Signal(syscall.SIGKILL))
			seen := h.finish()
			assert.Empty(s.t, seen.codes)
			assert.Error(s.t, seen.control)
			h.leave()
		}
		p := s.startLogging("gateway")
		s.loginTo(ftp).close()
		p.awaitLog(sessionEnded)
	})
}

// A breaker is an FTP server that aborts transfers.
type breaker struct {
	s     *site
	now   chan struct{} // delays abort until it can be received from
	abort func(control *textproto.Conn, conn, data *net.TCPConn) error
}

// serve serves at port 21 of the gateway, until the test ends.
func (b *breaker) serve() {
	t := b.s.t
	l, err := b.s.Gateway.Listen(t.Context(), "tcp", "127.0.0.1:21")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				_ = b.session(conn.(*net.TCPConn)) // the client sees how it ends
			})
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, l.Close())
		served.Wait()
	})
}

func (b *breaker) session(conn *net.TCPConn) error {
	control := textproto.NewConn(conn)
	replies := map[string]string{"USER": "331 and", "PASS": "230 in", "TYPE": "200 yes", "NOOP": "200 yes"}
	var l net.Listener
	for err := control.PrintfLine("220 ready"); err == nil; {
		var line string
		if line, err = control.ReadLine(); err != nil {
			return err
		}
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "EPSV":
			if l, err = b.s.Gateway.Listen(b.s.t.Context(), "tcp", "127.0.0.1:0"); err != nil {
				return err
			}
			defer l.Close()
			err = control.PrintfLine("229 here (|||%d|)", l.Addr().(*net.TCPAddr).Port)
		case "RETR", "STOR":
			data, aerr := l.Accept()
			if aerr != nil {
				return aerr
			}
			defer data.Close()
			if err = control.PrintfLine("150 go"); err == nil {
				err = b.transfer(verb, control, conn, data.(*net.TCPConn))
			}
		default:
			err = control.PrintfLine("%s", cmp.Or(replies[verb], "500 what"))
		}
	}
	return nil
}

func (b *breaker) transfer(verb string, control *textproto.Conn, conn, data *net.TCPConn) error {
	var err error
	if verb == "RETR" {
		_, err = data.Write(make([]byte, 2*part))
	} else {
		_, err = io.CopyN(io.Discard, data, part/2)
	}
	<-b.now
	if err != nil {
		return err
	}
	return b.abort(control, conn, data)
}

// sshd passes on a reset as an end of data, so that data seems to end well. The
// server's reply, or the lack of one, decides.
func TestTransferThatServerAbortsIsNoSuccess(t *testing.T) {
	for _, c := range []struct {
		name  string
		abort func(control *textproto.Conn, conn, data *net.TCPConn) error
	}{
		{"it resets its data connection and replies", func(control *textproto.Conn, _, data *net.TCPConn) error {
			reset(data)
			return control.PrintfLine("426 broken")
		}},
		{"it resets both its connections", func(_ *textproto.Conn, conn, data *net.TCPConn) error {
			reset(data)
			reset(conn)
			return io.EOF
		}},
		{"it closes its control connection and ends its data", func(_ *textproto.Conn, conn, data *net.TCPConn) error {
			_ = conn.Close()
			return data.Close()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			b := &breaker{s: s, abort: c.abort, now: make(chan struct{})}
			b.serve()
			for _, upload := range []bool{false, true} {
				p := s.startLogging("gateway")
				h := s.begin(&lab.FTPServer{User: "somebody", Password: "x"}, upload)
				b.now <- struct{}{}
				seen := h.finish()
				assert.False(t, seen.success(upload), "%v", seen)
				h.leave()
				p.failedOnce(upload, "server")
				p.Kill()
			}
		})
	}
}

// A client that continues a broken transfer needs all that has arrived.
func TestClientKeepsWhatArrivedBeforeARefusal(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	b := &breaker{s: s, now: make(chan struct{}), abort: func(control *textproto.Conn, _, data *net.TCPConn) error {
		_ = data.Close()
		return control.PrintfLine("451 read error")
	}}
	close(b.now) // at once: the reply overtakes the data on its way through SSH
	b.serve()
	p := s.startLogging("gateway")
	for i := range 5 {
		name := fmt.Sprintf("%s/kept%d", lab.Home, i)
		r := s.run("curl", "-sS", "-o", name, here+"/big")
		assert.NotZero(t, r.status, "curl reports the refusal")
		size, there := sizeOf(s.Client.Path(name))
		require.True(t, there)
		assert.EqualValues(t, 2*part, size)
	}
	line := p.logged(transferred)[0]
	assert.EqualValues(t, 2*part, line.number(attrBytes))
	assert.Equal(t, "451 read error", line[attrError])
}
