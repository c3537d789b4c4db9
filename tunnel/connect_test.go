package tunnel

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// failedHop returns the HopError of Open, which must fail.
func failedHop(t *testing.T, cfg Config) *HopError {
	t.Helper()
	ctx := testContext(t)
	err := soon(t, func() error {
		tun, err := openFast(ctx, cfg)
		if err == nil {
			tun.Close()
		}
		return err
	})
	var hop *HopError
	require.ErrorAs(t, err, &hop)
	return hop
}

func TestConnectTimeoutEndsHandshakeWithSilentServer(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{Silent: true})
	h := hopTo(s, key)
	h.ConnectTimeout = 200 * time.Millisecond
	e := failedHop(t, insecureConfig(h))
	assert.Equal(t, "handshake", e.Op)
	assert.ErrorIs(t, e, os.ErrDeadlineExceeded)
}

func TestOpenReturnsWhenContextIsDone(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{Silent: true})
	ctx, cancel := context.WithCancel(context.Background())
	cfg := insecureConfig(hopTo(s, key))
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		time.AfterFunc(50*time.Millisecond, cancel)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	_, err := Open(ctx, cfg)
	assert.ErrorIs(t, err, context.Canceled)
}

// Only a connection that the tunnel makes itself has an address that it knows.
func TestRemoteAddrIsThatOfTheConnectionToTheGateway(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	tun := mustOpen(t, insecureConfig(hopTo(s, key)))
	assert.Equal(t, s.Addr().String(), tun.RemoteAddr().String())
	tun.Close()
	assert.Nil(t, tun.RemoteAddr())

	tun = mustOpen(t, insecureConfig(hopTo(s, key), hopTo(s, key)))
	assert.Nil(t, tun.RemoteAddr(), "the jump host connects")
}

func TestConnectTimeoutExcludesPrompts(t *testing.T) {
	checkLeaks(t)
	s := &sshtest.Server{Password: "secret"}
	require.NoError(t, s.Start())
	t.Cleanup(func() { s.Close() })
	h := hopTo(s)
	h.ConnectTimeout = 300 * time.Millisecond
	slow := func() { time.Sleep(600 * time.Millisecond) }
	cfg := insecureConfig(h)
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return func(string, net.Addr, ssh.PublicKey) error { slow(); return nil }, nil, nil
	}
	cfg.Ask = func(context.Context, string, bool) (string, error) { slow(); return "secret", nil }
	mustOpen(t, cfg)
}

func TestErrorQuotesWhatIsNotSSH(t *testing.T) {
	for greeting, quoted := range map[string]string{
		"220 ftp.example.com ready\r\n":    `"220 ftp.example.com ready"`,
		"Exceeded MaxStartups\r\n":         `"Exceeded MaxStartups"`,
		"HTTP/1.1 400 Bad Request\r\n\r\n": `"HTTP/1.1 400 Bad Request"`,
	} {
		t.Run(strings.Fields(greeting)[0], func(t *testing.T) {
			checkLeaks(t)
			s, key := newServer(t, &sshtest.Server{Before: greeting})
			e := failedHop(t, insecureConfig(hopTo(s, key)))
			assert.Equal(t, "handshake", e.Op)
			assert.ErrorContains(t, e, "answered "+quoted)
			assert.False(t, Permanent(e), "another attempt may succeed")
		})
	}
}

func TestClosedPortFailsToDial(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	s.Close()
	assert.Equal(t, "dial", failedHop(t, insecureConfig(hopTo(s, key))).Op)
}

func TestJumpHostThatForbidsForwardingFailsTheNextHop(t *testing.T) {
	checkLeaks(t)
	first, key := newServer(t, &sshtest.Server{NoForwarding: true})
	next := hopTo(first, key)
	next.Alias = "inner"
	e := failedHop(t, insecureConfig(hopTo(first, key), next))
	assert.Equal(t, "inner", e.Hop.Alias)
	assert.Equal(t, "dial", e.Op)
	var refused *OpenError
	require.ErrorAs(t, e, &refused)
	assert.True(t, refused.Prohibited)
}

func TestBannerCausesEvent(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{Banner: "no trespassing\n"})
	w := newRecorder()
	cfg := insecureConfig(hopTo(s, key))
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	assert.Equal(t, "no trespassing\n", w.wait(t, Banner, 1).Text)
}
