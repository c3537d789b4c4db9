package forward

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// accepts reports whether a client on this machine connects to a port at an
// address.
func accepts(host string, port uint16) bool {
	conn, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr(host), port).String())
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

func TestListenerHasTheFamiliesThatSSHGivesIt(t *testing.T) {
	for address, want := range map[string]struct {
		v4, v6 bool
		client string // where a client is sent
	}{
		"127.0.0.1:0":          {true, false, "127.0.0.1"},
		"[::1]:0":              {false, true, "::1"},
		"0.0.0.0:0":            {true, false, "127.0.0.1"},
		"[::ffff:0.0.0.0]:0":   {true, false, "127.0.0.1"},
		"[::ffff:127.0.0.1]:0": {true, false, "127.0.0.1"},
		"[::]:0":               {false, true, "::1"},
		":0":                   {true, true, "127.0.0.1"},
		"localhost:0":          {true, true, "127.0.0.1"},
	} {
		listeners, err := Listen(t.Context(), []settings.Forward{{Listen: address}})
		require.NoError(t, err, address)
		defer listeners.Close()
		client := listeners[0].Address()
		assert.Equal(t, want.client, client.Addr().String(), address)
		assert.Equal(t, want.v4, accepts("127.0.0.1", client.Port()), address)
		assert.Equal(t, want.v6, accepts("::1", client.Port()), address)
	}
}

func TestPortOfLocalhostIsRefusedIfEitherAddressIsTaken(t *testing.T) {
	other, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6:", err)
	}
	defer other.Close()
	at := netip.MustParseAddrPort(other.Addr().String())
	_, err = Listen(t.Context(), []settings.Forward{{Listen: fmt.Sprintf("localhost:%d", at.Port())}})
	assert.ErrorIs(t, err, syscall.EADDRINUSE)
	assert.ErrorContains(t, err, "::1")
	assert.False(t, accepts("127.0.0.1", at.Port()), "the other address is not left open")
}

func TestClosedPortOfLocalhostAcceptsNobody(t *testing.T) {
	listeners, err := Listen(t.Context(), []settings.Forward{{Listen: "localhost:0"}})
	require.NoError(t, err)
	port := listeners[0].Address().Port()
	served := make(chan error, 1)
	go func() {
		for {
			conn, err := listeners[0].Accept()
			if err != nil {
				served <- err
				return
			}
			_ = conn.Close()
		}
	}()
	for _, host := range []string{"127.0.0.1", "::1", "127.0.0.1"} {
		require.True(t, accepts(host, port), host)
	}
	listeners.Close()
	assert.ErrorIs(t, <-served, net.ErrClosed)
	assert.False(t, accepts("127.0.0.1", port))
	assert.False(t, accepts("::1", port))
}
