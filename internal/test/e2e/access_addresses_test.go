//go:build linux

package e2e

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// tempt listens at an address to which no connection is allowed. It returns a
// function that reports whether there was one.
func (s *site) tempt(h *lab.Host, address string) (connected func() bool) {
	s.t.Helper()
	l, err := h.Listen(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	accepted := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			accepted <- struct{}{}
		}
	}()
	s.t.Cleanup(func() { _ = l.Close() })
	return func() bool { return len(accepted) > 0 }
}

func TestPORTThatNamesAnotherHostIsRefused(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	s.start("gateway")
	tempted := []func() bool{s.tempt(s.Inner, "10.78.0.2:5000"), s.tempt(s.Gateway, "10.78.0.1:5000"),
		s.tempt(s.Gateway, "127.0.0.1:1000"), s.tempt(s.Client, "127.0.0.1:1000")}
	c := s.login()
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
	require.NoError(t, c.quit())
	eventually(t, "QUIT at the server", func() bool { return strings.Contains(ftp.Log.String(), "QUIT") })
	assert.NotRegexp(t, "PORT|EPRT", ftp.Log.String())
	for i, connected := range tempted {
		assert.False(t, connected(), i)
	}
}

// The server names another host in its replies. The program connects to the host
// of the control connection; if an EPSV reply has an address, which RFC 2428
// does not allow, to none.
func TestServerDoesNotChooseHostOfDataConnection(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	const extended = "Entering Extended Passive Mode (|1|10.78.0.2|5000|)"
	s.imitate(ftptest.Dialect{Replies: map[string]string{
		"PASV 227": "227 Entering Passive Mode (10,78,0,2,19,136).",
		"EPSV 229": "229 " + extended,
	}})
	named := s.tempt(s.Inner, "10.78.0.2:5000")
	right := s.tempt(s.Gateway, "127.0.0.1:5000")
	p := s.start("gateway")
	c := s.login()
	text, err := c.command(229, "EPSV")
	require.NoError(t, err)
	assert.Equal(t, extended, text, "the client sees the server's mistake")
	assert.Empty(t, s.dataPorts())
	assert.False(t, right())

	port, err := c.open("PASV")
	require.NoError(t, err)
	host, _ := splitPort(t, port.at)
	assert.Equal(t, "127.0.0.1", host)
	data, err := port.connect()
	require.NoError(t, err)
	defer data.Close()
	eventually(t, "a connection to the control connection's host", right)
	assert.False(t, named())
	p.Stderr.Await(t, "10.78.0.2 is named, localhost is dialled")
}

func splitPort(t *testing.T, address string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return host, port
}

// gatewayPort sends an EPRT, and returns the port that the gateway then listens
// on and the client's listener.
func (s *site) gatewayPort(c *client) (port string, l net.Listener) {
	s.t.Helper()
	ports := func() (ports []string) {
		for _, address := range s.Gateway.Listeners(s.t) {
			_, port := splitPort(s.t, address)
			ports = append(ports, port)
		}
		return ports
	}
	before := ports()
	l, command := s.listen("EPRT")
	_, err := c.command(200, "%s", command)
	require.NoError(s.t, err)
	for _, p := range ports() {
		if !slices.Contains(before, p) {
			port = p
		}
	}
	require.NotEmpty(s.t, port)
	return port, l
}

// A gateway may accept connections to its users' ports from everywhere, and must
// do so for a server on another host. The program accepts only those of that
// server.
func TestOnlyFTPServerMayConnectToPortOnGateway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, setting    string
		server, stranger func(s *site) *lab.Host
		args             []string
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
			s.vsftpd(c.server(s)).WriteFile(t, "secret", "secret")
			p := s.start(c.args...)
			control := s.login()
			port, l := s.gatewayPort(control)

			stranger, err := c.stranger(s).DialContext(t.Context(), "tcp", "10.78.0.1:"+port)
			require.NoError(t, err)
			defer stranger.Close()
			_, _ = stranger.Write([]byte("rogue"))
			require.NoError(t, stranger.SetDeadline(time.Now().Add(10*time.Second)))
			stolen, err := io.ReadAll(stranger)
			assert.Empty(t, stolen)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is rejected")
			p.Stderr.Await(t, rejection)

			_, err = control.command(1, "RETR pub/secret")
			require.NoError(t, err)
			data, err := l.Accept()
			require.NoError(t, err)
			got, err := control.receive(data)
			require.NoError(t, err)
			assert.Equal(t, "secret", string(got))
		})
	}
}
