package forward

import (
	"net"
	"net/netip"
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
