package check

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// A noTunnel connects and listens on this machine, in place of a gateway.
type noTunnel struct {
	net.Dialer
	net.ListenConfig
}

// newChecker returns a checker that has connected to s.
func newChecker(t *testing.T, s *ftptest.Server) *checker {
	t.Setenv("FTP_PASSWORD", "secret")
	c := &checker{Options: Options{Settings: &settings.Settings{}, User: "bob"}, tunnel: &noTunnel{}, host: "127.0.0.1"}
	c.report = newReport("gw", "")
	c.server = ftptest.Start(t, s, "127.0.0.1")
	conn, err := c.tunnel.DialContext(t.Context(), "tcp", c.server)
	require.NoError(t, err)
	c.control = newControl(conn)
	t.Cleanup(func() { c.control.close() })
	return c
}

func (c *checker) last() step { return c.report.Steps[len(c.report.Steps)-1] }

// Servers word their replies in many ways.
func TestCheckWorksWithTheRepliesOfEveryServer(t *testing.T) {
	for _, product := range ftptest.Products {
		t.Run(product.Name, func(t *testing.T) {
			c := newChecker(t, &ftptest.Server{Dialect: product.Dialect})
			require.True(t, c.checkGreeting(t.Context()), c.last())
			require.True(t, c.checkLogin(t.Context()), c.last())
			c.checkModes(t.Context())
			works := 0
			for _, s := range c.report.Steps {
				switch {
				case s.Result == passed && c.report.Modes[s.Name]:
					works++
				case s.Result == failed:
					assert.Contains(t, s.Text, "the FTP server refuses "+s.Name)
				}
			}
			if product.Name != "only LPSV and LPRT" {
				assert.Positive(t, works)
			}
		})
	}
}

func TestCheckAdvisesWhenServerRequiresTLS(t *testing.T) {
	for _, product := range ftptest.TLSOnly {
		t.Run(product.Name, func(t *testing.T) {
			c := newChecker(t, &ftptest.Server{Dialect: product.Dialect})
			require.True(t, c.checkGreeting(t.Context()), c.last())
			if c.checkLogin(t.Context()) {
				c.checkModes(t.Context())
			}
			assert.Equal(t, failed, c.last().Result)
			assert.Contains(t, strings.Join(c.report.Advice, "\n"), "requires TLS")
		})
	}
}

func TestCheckLogsInAgainAfterLosingControlConnection(t *testing.T) {
	var received ftptest.Record
	c := newChecker(t, &ftptest.Server{Received: received.Add, Dialect: ftptest.Dialect{
		Replies: map[string]string{"EPSV 229": "421 So long."},
	}})
	require.True(t, c.checkGreeting(t.Context()))
	require.True(t, c.checkLogin(t.Context()))
	c.checkModes(t.Context())
	assert.Equal(t, map[string]bool{"EPSV": false, "PASV": true, "EPRT": true, "PORT": true}, c.report.Modes)
	assert.Equal(t, 2, strings.Count(strings.Join(received.Lines(), "\n"), "USER bob"))
}

func TestCheckNeverShowsThePassword(t *testing.T) {
	for _, code := range []string{"530", "421", "xyz"} {
		c := newChecker(t, &ftptest.Server{User: "bob", Password: "other", Dialect: ftptest.Dialect{
			Replies: map[string]string{"PASS 530": code + " secret is not your password."},
		}})
		require.True(t, c.checkGreeting(t.Context()))
		assert.False(t, c.checkLogin(t.Context()))
		assert.Contains(t, c.last().Text, "*** is not your password")
		assert.NotContains(t, c.last().Text, "secret")
	}
}

func TestCheckReadsNoMoreThanABoundedAnswer(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	sent := make(chan int)
	go func() {
		n, _ := io.WriteString(there, "220 ready\r\n")
		_, _ = bufio.NewReader(there).ReadString('\n')
		for block := []byte(strings.Repeat("211-more of it\r\n", 1000)); ; {
			more, err := there.Write(block)
			if n += more; err != nil {
				sent <- n
				return
			}
		}
	}()
	c := &checker{server: "ftp.internal:21", report: &report{}, control: newControl(here)}
	assert.False(t, c.checkGreeting(t.Context()))
	assert.Equal(t, failed, c.last().Result)
	assert.Contains(t, c.last().Text, "has sent 1024 kB and does not end")
	c.control.close()
	assert.LessOrEqual(t, <-sent, maxReceived+64<<10)
}

func TestCheckDoesNotWaitForASilentServer(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := &checker{server: "ftp.internal:21", report: &report{}, control: newControl(here)}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(errSlow) })
	assert.False(t, c.checkGreeting(ctx))
	assert.Equal(t, "no greeting from an FTP server at ftp.internal:21: no answer for 20s", c.last().Text)
}

// The server has a place for the next client when a check has ended.
func TestCheckEndsItsSessionWithQUIT(t *testing.T) {
	var received ftptest.Record
	c := newChecker(t, &ftptest.Server{Received: received.Add})
	require.True(t, c.checkGreeting(t.Context()))
	c.control.close()
	assert.Equal(t, []string{"FEAT", "QUIT"}, received.Lines())
}

// A gatewayWithPorts is a gateway with the given GatewayPorts: without, its ports
// listen on 127.0.0.1 whatever is asked for. Nobody is at 203.0.113.9.
type gatewayWithPorts struct {
	noTunnel
	on bool
}

func (g *gatewayWithPorts) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	_, port, _ := net.SplitHostPort(address)
	if !g.on {
		address = "127.0.0.1:" + port
	}
	return g.noTunnel.Listen(ctx, network, address)
}

func (g *gatewayWithPorts) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	err := errors.New("No route to host")
	var conn net.Conn
	if !strings.HasPrefix(address, "203.0.113.9:") {
		conn, err = g.noTunnel.DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, &tunnel.OpenError{Address: address, Err: err}
	}
	return conn, nil
}

// At 127.0.0.1 every port of the gateway is reached.
func TestCheckTestsGatewayPortsOfGatewayAddressedAsLoopback(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("127.0.0.2 may be no address")
	}
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2222}
	for _, c := range []struct {
		name   string
		on     bool
		remote net.Addr
		active string
		says   string
	}{
		{"off", false, loopback, "", "off, it seems: the gateway listens on 127.0.0.1 only"},
		{"on", true, loopback, "", "on, it seems: the gateway listens on all its addresses"},
		{"off, behind a jump host", false, &net.TCPAddr{IP: net.IPv4zero}, "", "off, it seems: the gateway listens on 127.0.0.1 only"},
		{"off, active address is loopback", false, loopback, "127.0.0.1", "off, it seems"},
		{"on, in a container", true, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9)}, "", "on, it seems: the gateway listens on all"},
		{"off, in a container", false, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9)}, "", "off, it seems: ports on the gateway cannot be reached at 203.0.113.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &checker{Options: Options{Settings: &settings.Settings{}}, tunnel: &gatewayWithPorts{on: c.on}, remote: c.remote}
			if c.active != "" {
				k.Settings.FTP.ActiveAddress = netip.MustParseAddr(c.active)
			}
			o := k.checkGatewayPorts(t.Context())
			assert.Equal(t, noted, o.result)
			assert.Contains(t, o.text, c.says)
			assert.Equal(t, c.on, k.gatewayPorts)
			assert.NotContains(t, o.text, "--active-address=127")
		})
	}
}

func TestCheckNamesPostQuantumKeyExchanges(t *testing.T) {
	for name, post := range map[string]bool{
		"mlkem768x25519-sha256":              true,
		"sntrup761x25519-sha512@openssh.com": true,
		"curve25519-sha256":                  false,
		"ecdh-sha2-nistp256":                 false,
	} {
		r := newHopReport(tunnel.Hop{})
		r.negotiated(tunnel.Negotiation{KeyExchange: name})
		assert.Equal(t, post, r.PostQuantum, name)
		assert.Equal(t, !post, strings.Contains(r.algorithms(tunnel.Negotiation{KeyExchange: name}).text, "(not post-quantum)"), name)
	}
}

func TestCheckReportsWhoReadTheConfiguration(t *testing.T) {
	for ssh, want := range map[string]string{"none": "read by ftptunnel itself", "": "ssh -G"} {
		c := &checker{Options: Options{Settings: &settings.Settings{}}, gateway: "ann@gateway", report: &report{}}
		c.Settings.SSH = sshconfig.Options{SSH: ssh, ConfigFile: "none", Port: 2222}
		if path, err := sshconfig.FindSSH(t.Context(), c.Settings.SSH); ssh == "" && (path == "" || err != nil) {
			t.Log("ssh is not installed")
			continue
		}
		require.Len(t, c.checkConfiguration(t.Context()), 1)
		assert.Contains(t, c.report.Steps[0].Text, want)
		assert.Contains(t, c.report.Steps[1].Text, "ann@gateway is gateway:2222, user ann; ")
	}
}
