//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/tunnel"
)

// forwardHere joins the packages in this process, where goroutines can be
// counted, with the client's host as the local network. It returns what tells
// of each session's end.
func (s *site) forwardHere() <-chan ftpfwd.Event {
	s.t.Helper()
	key := s.ssh.HostKeys[0]
	t, err := tunnel.Open(s.t.Context(), tunnel.Config{
		Hops: []tunnel.Hop{{
			Alias: "gateway", HostName: s.Gateway.Addr.String(), Port: 22, User: "root",
			PubkeyAuthentication: true, IdentityFiles: []string{s.Client.Path(lab.Home + "/.ssh/id_ed25519")},
		}},
		HostKeys: func(tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
			return ssh.FixedHostKey(key), []string{key.Type()}, nil
		},
		Dial: s.Client.DialContext,
	})
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := s.Client.Listen(ctx, "tcp", "127.0.0.1:2121")
	require.NoError(s.t, err)
	served := make(chan error)
	ended := make(chan ftpfwd.Event, 100)
	go func() {
		f := ftpfwd.Forwarder{Server: "localhost:21", Remote: t, Local: s.Client, Observe: func(e ftpfwd.Event) {
			if e.Kind == ftpfwd.SessionClosed {
				ended <- e
			}
		}}
		served <- f.Serve(ctx, l)
	}()
	s.t.Cleanup(func() {
		cancel()
		assert.NoError(s.t, <-served)
		assert.NoError(s.t, t.Close())
	})
	return ended
}

// A client is a small FTP client on the client's host.
type client struct {
	host *lab.Host
	*textproto.Conn
}

func (s *site) login() (*client, error) {
	conn, err := s.Client.DialContext(s.t.Context(), "tcp", "127.0.0.1:2121")
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	c := &client{s.Client, textproto.NewConn(conn)}
	if _, _, err := c.ReadResponse(220); err != nil {
		return nil, err
	}
	if _, err := c.command(331, "USER ftp"); err != nil && !strings.HasPrefix(err.Error(), "230") {
		return nil, err
	}
	_, err = c.command(200, "TYPE I")
	return c, err
}

func (c *client) command(want int, format string, args ...any) (string, error) {
	if err := c.PrintfLine(format, args...); err != nil {
		return "", err
	}
	_, text, err := c.ReadResponse(want)
	return text, err
}

// download gets a file in passive mode.
func (c *client) download(name string) ([]byte, error) {
	port, err := c.passivePort()
	if err != nil {
		return nil, err
	}
	data, err := c.host.DialContext(context.Background(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	defer data.Close()
	return c.retrieve(name, data)
}

// passivePort does EPSV and returns the port.
func (c *client) passivePort() (string, error) {
	text, err := c.command(229, "EPSV")
	if err != nil {
		return "", err
	}
	return strings.Trim(text[strings.Index(text, "(|||"):], "(|)."), nil
}

// downloadActive gets a file in active mode.
func (c *client) downloadActive(name string) ([]byte, error) {
	l, err := c.host.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if _, err := c.command(200, "PORT 127,0,0,1,%d,%d", port>>8, port&0xff); err != nil {
		return nil, err
	}
	if _, err := c.command(150, "RETR %s", name); err != nil {
		return nil, err
	}
	data, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer data.Close()
	return c.finish(data)
}

func (c *client) retrieve(name string, data net.Conn) ([]byte, error) {
	if _, err := c.command(150, "RETR %s", name); err != nil {
		return nil, err
	}
	return c.finish(data)
}

func (c *client) finish(data net.Conn) ([]byte, error) {
	b, err := io.ReadAll(data)
	if err != nil {
		return nil, err
	}
	_, _, err = c.ReadResponse(226)
	return b, err
}

func TestFiftyConnectionsAtOnceLeaveNothingBehind(t *testing.T) {
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		want := make([]byte, 200_000)
		_, _ = rand.Read(want)
		require.NoError(s.t, os.WriteFile(filepath.Join(ftp.Root, "pub", "f"), want, 0o644))
		ended := s.forwardHere()
		require.NoError(s.t, s.atOnce(1, want)) // so that what is made once is there
		<-ended
		before := runtime.NumGoroutine()
		require.NoError(s.t, s.atOnce(50, want))
		noMoreGoroutines(s.t, before)
		eventually(s.t, "no listener is left", func() bool { return len(s.Client.Listeners(s.t)) == 1 })
		if !strings.Contains(s.t.Name(), "Dropbear") { // which never cancels a forward
			eventually(s.t, "no forward is left", func() bool { return s.forwards() == 0 })
		}
		s.t.Logf("goroutines before %d, after %d; forwards on the gateway: %d", before, runtime.NumGoroutine(), s.forwards())
	})
}

// noMoreGoroutines waits until there are no more than before, and shows those
// that there are if that does not come to pass.
func noMoreGoroutines(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Fatalf("%d goroutines, before there were %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// atOnce has count clients logged in at once, each of which then downloads.
// Dropbear grants 20 forwards to a connection, so with it only some of them
// are active.
func (s *site) atOnce(count int, want []byte) error {
	active := count
	if strings.Contains(s.t.Name(), "Dropbear") {
		active = min(count, 15)
	}
	errs := make(chan error, count)
	var loggedIn sync.WaitGroup
	loggedIn.Add(count)
	for i := range count {
		go func() {
			c, err := s.login()
			loggedIn.Done()
			loggedIn.Wait()
			if err == nil {
				defer c.Close()
				err = c.both("pub/f", want, i < active)
			}
			if err != nil {
				err = fmt.Errorf("client %d: %w", i, err)
			}
			errs <- err
		}()
	}
	var first error
	for range count {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// both downloads in passive and, if wanted, in active mode.
func (c *client) both(name string, want []byte, active bool) error {
	downloads := []func(string) ([]byte, error){c.download}
	if active {
		downloads = append(downloads, c.downloadActive)
	}
	for i, download := range downloads {
		got, err := download(name)
		if err != nil {
			return fmt.Errorf("download %d: %w", i, err)
		}
		if string(got) != string(want) {
			return fmt.Errorf("download %d: %d bytes that are not the file's", i, len(got))
		}
	}
	_, err := c.command(221, "QUIT")
	return err
}

// forwards counts the ports that the gateway listens on for us.
func (s *site) forwards() (n int) {
	for _, l := range s.Gateway.Listeners(s.t) {
		_, port, _ := net.SplitHostPort(l)
		if p, _ := strconv.Atoi(port); p > 1024 {
			n++
		}
	}
	return n
}
