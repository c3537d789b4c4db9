//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// A loopback is one of the two that a client can be on.
type loopback struct {
	name   string
	host   string // as in an address with a port
	listen string // for -L
}

var loopbacks = []loopback{
	{"IPv4", "127.0.0.1", "127.0.0.1:2121:localhost:21"},
	{"IPv6", "[::1]", "[::1]:2121:localhost:21"},
}

// onEachLoopback runs test with a site that has a vsftpd.
func onEachLoopback(t *testing.T, test func(s *site, l loopback, ftp *lab.FTPServer)) {
	for _, l := range loopbacks {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			test(s, l, s.vsftpd(s.Gateway))
		})
	}
}

// startAt starts the program with a listener on l.
func (s *site) startAt(l loopback, args ...string) *lab.Process {
	s.t.Helper()
	args = append(args, "-L", l.listen, "gateway")
	p := s.Client.Start(s.t, s.Client.Command(context.Background(), binary(s.t), args...))
	p.Stdout.Await(s.t, "ftp://"+l.host+":2121\n")
	return p
}

// greeted connects from h to address and reads the greeting.
func (s *site) greeted(h *lab.Host, address string) *client {
	s.t.Helper()
	conn, err := h.DialContext(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	c := &client{h, textproto.NewConn(conn)}
	_, _, err = c.ReadResponse(220)
	require.NoError(s.t, err)
	return c
}

// anonymous connects through the tunnel and logs in.
func (s *site) anonymous(address string) *client {
	s.t.Helper()
	c := s.greeted(s.Client, address)
	if code, text, err := c.ask("USER ftp"); code != 230 {
		require.Equal(s.t, 331, code, "%s %v", text, err)
		_, err = c.command(230, "PASS x")
		require.NoError(s.t, err)
	}
	_, err := c.command(200, "TYPE I")
	require.NoError(s.t, err)
	return c
}

func TestWhoMayComeInIsTheSameOnBothLoopbacks(t *testing.T) {
	t.Parallel()
	lab.Require(t, "curl", "nc", "setpriv")
	onEachLoopback(t, func(s *site, l loopback, ftp *lab.FTPServer) {
		host := strings.Trim(l.host, "[]")
		p := s.startAt(l)
		stranger := s.as("curl", "-sS", "-v", "-g", "ftp://"+l.host+":2121")
		assert.NotZero(s.t, stranger.status)
		assert.Contains(s.t, stranger.stderr, "421 it is user 2121's, who has no business here")
		p.Stderr.Await(s.t, "a client is turned away")
		p.Stderr.Await(s.t, "--allow-user=bob")

		// The same with a data port, to which the stranger is first.
		require.NoError(s.t, os.WriteFile(filepath.Join(ftp.Root, "pub", "secret"), []byte("secret"), 0o644))
		c := s.anonymous(l.host + ":2121")
		port, err := c.passivePort()
		require.NoError(s.t, err)
		stolen := s.as("sh", "-c", "echo rogue | nc -w 5 "+host+" "+port)
		assert.Empty(s.t, stolen.stdout)
		p.Stderr.Await(s.t, "a data connection is turned away")
		data, err := s.Client.DialContext(s.t.Context(), "tcp", l.host+":"+port)
		require.NoError(s.t, err)
		defer data.Close()
		got, err := c.retrieve("pub/secret", data)
		require.NoError(s.t, err)
		assert.Equal(s.t, "secret", string(got))
	})
}

// The program runs as an ordinary user: root may come in, and nobody else.
func TestRootMayUseWhatAUserStarts(t *testing.T) {
	t.Parallel()
	lab.Require(t, "curl", "setpriv")
	onEachLoopback(t, func(s *site, l loopback, _ *lab.FTPServer) {
		for _, name := range []string{"id_ed25519", "known_hosts"} {
			text, err := os.ReadFile(s.Client.Path(lab.Home + "/.ssh/" + name))
			require.NoError(s.t, err)
			s.Client.WriteFile(s.t, lab.UserHome+"/.ssh/"+name, string(text))
		}
		s.Client.Run(s.t, "chown", "-R", lab.User, lab.UserHome)
		p := s.Client.Start(s.t, s.Client.Command(context.Background(), "setpriv", "--reuid="+lab.User, "--clear-groups",
			"env", "HOME="+lab.UserHome, "USER="+lab.User, binary(s.t), "-L", l.listen, "root@10.77.0.2"))
		p.Stdout.Await(s.t, "ftp://"+l.host+":2121\n")

		hears := func(user string) string {
			return s.run("setpriv", "--reuid="+user, "--clear-groups", "curl", "-sS", "-v", "-g", "ftp://"+l.host+":2121").stderr
		}
		for _, user := range []string{"root", lab.User} {
			assert.Contains(s.t, hears(user), "< 230 ", user)
		}
		assert.Regexp(s.t, `421 it is user \d+'s, who has no business here`, hears("nobody"))
	})
}

// tempting is a listener that nobody may connect to.
func (s *site) tempting(h *lab.Host, address string) (tempted func() bool) {
	s.t.Helper()
	l, err := h.Listen(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	came := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			came <- struct{}{}
		}
	}()
	s.t.Cleanup(func() { _ = l.Close() })
	return func() bool { return len(came) > 0 }
}

func TestNobodyIsConnectedToForAPORTThatNamesAnother(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	s.start("gateway")
	tempted := []func() bool{s.tempting(s.Inner, "10.78.0.2:5000"), s.tempting(s.Gateway, "10.78.0.1:5000"),
		s.tempting(s.Gateway, "127.0.0.1:1000"), s.tempting(s.Client, "127.0.0.1:1000")}
	c := s.anonymous("127.0.0.1:2121")
	for _, refused := range []struct {
		code    int
		command string
	}{
		{500, "PORT 10,78,0,2,19,136"},
		{500, "PORT 10,78,0,1,19,136"}, // the gateway's own
		{500, "EPRT |1|10.78.0.2|5000|"},
		{500, "EPRT |2|fd78::2|5000|"},
		{501, "PORT 127,0,0,1,3,232"},
		{501, "EPRT |1|127.0.0.1|1000|"},
		{501, "EPRT |2|::1|1000|"},
		{501, "PORT 127,0,0,1,0,21"},
	} {
		_, err := c.command(refused.code, "%s", refused.command)
		assert.NoError(t, err, refused.command)
	}
	_, err := c.command(221, "QUIT")
	require.NoError(t, err)
	eventually(t, "the server has seen the end", func() bool { return strings.Contains(ftp.Log.String(), "QUIT") })
	assert.NotRegexp(t, "PORT|EPRT", ftp.Log.String())
	for i, connected := range tempted {
		assert.False(t, connected(), i)
	}
}

// A server names another host in its replies. The port is dialled where the
// control connection went; where RFC 2428 knows no address, none is dialled.
func TestAServerDoesNotChooseWhoIsConnectedTo(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	const extended = "Entering Extended Passive Mode (|1|10.78.0.2|5000|)"
	s.scripted(ftptest.Dialect{Replies: map[string]string{
		"PASV 227": "227 Entering Passive Mode (10,78,0,2,19,136).",
		"EPSV 229": "229 " + extended,
	}})
	tempted := s.tempting(s.Inner, "10.78.0.2:5000")
	reached := s.tempting(s.Gateway, "127.0.0.1:5000")
	p := s.start("gateway")
	c := s.anonymous("127.0.0.1:2121")
	text, err := c.command(229, "EPSV")
	require.NoError(t, err)
	assert.Equal(t, extended, text, "the client sees the server's fault")
	assert.Len(t, s.Client.Listeners(t), 1)
	assert.False(t, reached())

	text, err = c.command(227, "PASV")
	require.NoError(t, err)
	var high, low int
	_, err = fmt.Sscanf(text[strings.Index(text, "("):], "(127,0,0,1,%d,%d)", &high, &low)
	require.NoError(t, err, text)
	data, err := s.Client.DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", high<<8|low))
	require.NoError(t, err)
	defer data.Close()
	eventually(t, "the control connection's host is connected to", reached)
	assert.False(t, tempted())
	p.Stderr.Await(t, "the server names 10.78.0.2 for its data connections; localhost is dialled instead")
}

// ask sends a command and takes whatever is answered.
func (c *client) ask(command string) (int, string, error) {
	if err := c.PrintfLine("%s", command); err != nil {
		return 0, "", err
	}
	return c.ReadResponse(0)
}

// activePort makes the server's half of an active path, and returns the port on
// the gateway and the client's listener.
func (s *site) activePort(c *client) (port string, l net.Listener) {
	s.t.Helper()
	before := s.Gateway.Listeners(s.t)
	l, err := s.Client.Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = l.Close() })
	_, err = c.command(200, "EPRT |1|127.0.0.1|%d|", l.Addr().(*net.TCPAddr).Port)
	require.NoError(s.t, err)
	for _, address := range s.Gateway.Listeners(s.t) {
		if _, p, _ := net.SplitHostPort(address); !strings.Contains(strings.Join(before, " ")+" ", ":"+p+" ") {
			port = p
		}
	}
	require.NotEmpty(s.t, port)
	return port, l
}

// A gateway can be told to let everybody connect to the ports of its users, and
// has to for a server on another host. Only that server is let in.
func TestOnlyTheFTPServerIsLetInAtTheGateway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, setting string
		server        func(s *site) *lab.Host
		stranger      func(s *site) *lab.Host
		args          []string
	}{
		{"server on the gateway", "GatewayPorts yes",
			func(s *site) *lab.Host { return s.Gateway }, func(s *site) *lab.Host { return s.Inner }, []string{"gateway"}},
		{"server behind the gateway", "GatewayPorts clientspecified",
			func(s *site) *lab.Host { return s.Inner }, func(s *site) *lab.Host { return s.Gateway },
			[]string{"--active-address=10.78.0.1", "gateway", "10.78.0.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t, c.setting)
			ftp := s.vsftpd(c.server(s))
			require.NoError(t, os.WriteFile(filepath.Join(ftp.Root, "pub", "secret"), []byte("secret"), 0o644))
			p := s.start(c.args...)
			control := s.anonymous("127.0.0.1:2121")
			port, l := s.activePort(control)

			intruder, err := c.stranger(s).DialContext(t.Context(), "tcp", "10.78.0.1:"+port)
			require.NoError(t, err)
			defer intruder.Close()
			_, _ = intruder.Write([]byte("rogue"))
			require.NoError(t, intruder.SetDeadline(time.Now().Add(10*time.Second)))
			stolen, err := io.ReadAll(intruder)
			assert.Empty(t, stolen)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the intruder is not turned away")
			p.Stderr.Await(t, "turned away")

			_, err = control.command(1, "RETR pub/secret")
			require.NoError(t, err)
			data, err := l.Accept()
			require.NoError(t, err)
			defer data.Close()
			got, err := control.finish(data)
			require.NoError(t, err)
			assert.Equal(t, "secret", string(got))
		})
	}
}
