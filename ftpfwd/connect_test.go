package ftpfwd

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/memnet"
)

// The server can be reached on two networks. All connections of a session take
// the one that its control connection was made on, and what is known of one is
// not believed of the other.
func TestASessionStaysOnTheNetworkThatItsControlConnectionIsOn(t *testing.T) {
	other := &memnet.Network{Resetless: true, FirstPort: 20000}
	asked := 0
	withRig(t, func(r *rig) {
		client, server := r.passive()
		carry(t, server, client, "data")
		listener, _ := r.active()
		require.NoError(t, listener.Close())

		l, err := other.Listen(t.Context(), "tcp", "127.0.0.1:21")
		require.NoError(t, err)
		conn, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:2121")
		require.NoError(t, err)
		second := newLine(t, "second client", conn)
		behind := newLine(t, "second server", r.accept(l))
		behind.say("220 ready")
		second.hear("220 ready")
		second.say("PORT 127,0,0,1,200,1")
		at, err := parseHostPort(strings.TrimPrefix(behind.line(), "PORT "))
		require.NoError(t, err)
		assert.Less(t, at.Port(), uint16(30000), "a listener on the other network")
		behind.say("200 ok")
		second.hear("200 ok")
		require.NoError(t, second.conn.Close())
		behind.over()
		require.NoError(t, behind.conn.Close())
		require.NoError(t, l.Close())
		assert.Equal(t, 2, asked)
	}, func(r *rig) {
		r.forwarder.Remote = nil
		r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
			asked++
			network := r.far
			if asked > 1 {
				network = other
			}
			conn, err := named{network}.DialContext(ctx, "tcp", server)
			return Route{Conn: conn, Network: named{network}, Gateway: fmt.Sprint("gw", asked)}, err
		}
	})
	listeners, _ := other.Open()
	assert.Zero(t, listeners)
}
