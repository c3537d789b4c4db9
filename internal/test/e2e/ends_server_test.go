//go:build linux

package e2e

import (
	"io"
	"net"
	"net/textproto"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

func TestAFullDiskAtTheServerIsToldToTheClient(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		require.NoError(s.t, os.Mkdir(ftp.Path("small"), 0o777))
		ftp.Listener().MountSmall(s.t, lab.UserHome+"/small", "2m")
		p := s.startLogging("gateway")
		h := s.beginUpload(ftp, "small/sent")
		seen := h.goOn()
		assert.False(s.t, seen.success(true), "%v", seen)
		assert.NoError(s.t, seen.control, "the session goes on")
		h.close()
		line := hasFailedOnce(s.t, p, true, "server")
		assert.Equal(s.t, seen.codes[0], line.Reply)
		assert.NotContains(s.t, line.Error, "measured", "the reason, not what Pure-FTPd says behind it")
	})
}

// A program that is killed tells nobody anything: its clients have no reply,
// and servers confirm the part of an upload to themselves.
func TestAKilledProgramIsNoSuccessForItsClients(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		putBig(s.t, ftp)
		for _, upload := range []bool{false, true} {
			p := s.startLogging("gateway")
			h := s.begin(ftp, upload)
			require.NoError(s.t, p.Signal(syscall.SIGKILL))
			seen := h.goOn()
			assert.Empty(s.t, seen.codes)
			assert.Error(s.t, seen.control)
			h.close()
		}
		p := s.startLogging("gateway")
		_, again := s.loginAs(ftp)
		assert.NoError(s.t, again.Close())
		p.Stderr.Await(s.t, `"msg":"session ended"`)
	})
}

// A breaker is an FTP server for one session that does something else in the
// middle of its transfer than to go on with it.
type breaker struct {
	s       *site
	now     chan struct{} // takes word when it is to do so
	happens func(control *textproto.Conn, conn, data *net.TCPConn) error
}

// serve serves at port 21 of the gateway, until the test ends.
func (b *breaker) serve() {
	t := b.s.t
	l, err := b.s.Gateway.Listen(t.Context(), "tcp", "127.0.0.1:21")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for { // the program looks whether the server is there, too
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				_ = b.session(conn.(*net.TCPConn)) // how it ends is the client's to see
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
		switch verb := line[:4]; verb {
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
			err = control.PrintfLine("%s", replies[verb])
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
	return b.happens(control, conn, data)
}

// sshd tells nobody that a connection was reset: the data seems to end well.
// What the server says, or does not, is what counts.
func TestWhatAServerBreaksOffIsNoSuccess(t *testing.T) {
	reset := func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }
	cases := []struct {
		name    string
		happens func(control *textproto.Conn, conn, data *net.TCPConn) error
	}{
		{"it resets its data connection and says so", func(control *textproto.Conn, _, data *net.TCPConn) error {
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
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			b := &breaker{s: s, happens: c.happens, now: make(chan struct{})}
			b.serve()
			for _, upload := range []bool{false, true} {
				p := s.startLogging("gateway")
				h := s.begin(&lab.FTPServer{User: "somebody", Password: "x"}, upload)
				b.now <- struct{}{}
				seen := h.goOn()
				assert.False(t, seen.success(upload), "%v", seen)
				h.close()
				hasFailedOnce(t, p, upload, "server")
				p.Kill()
			}
		})
	}
}
