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

// The server can be reached on two networks. What is learned on one does not hold
// for the other.
func TestSessionStaysOnTheNetworkOfItsRoute(t *testing.T) {
	other := &memnet.Network{Resetless: true, FirstPort: 20000}
	routes := 0
	withRig(t, func(r *rig) {
		client, server := r.passive()
		sendData(r.t, server, client, "data")
		r.active()

		l, err := other.Listen(r.t.Context(), "tcp", "127.0.0.1:21")
		require.NoError(r.t, err)
		second := r.connectClient()
		secondServer := newPeer(r.t, "second server", r.accept(l))
		secondServer.send("220 ready")
		second.expect("220 ready")
		second.send("PORT 127,0,0,1,200,1")
		at, err := parseHostPort(strings.TrimPrefix(secondServer.receive(), "PORT "))
		require.NoError(r.t, err)
		assert.Less(r.t, at.Port(), uint16(30000), "a listener on the other network")
		secondServer.send("200 ok")
		second.expect("200 ok")
		require.NoError(r.t, second.conn.Close())
		secondServer.expectEOF()
		require.NoError(r.t, secondServer.conn.Close())
		require.NoError(r.t, l.Close())
		assert.Equal(r.t, 2, routes)
	}, func(r *rig) {
		r.forwarder.Remote = nil
		r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
			routes++
			network := r.far
			if routes > 1 {
				network = other
			}
			conn, err := resolving{network}.DialContext(ctx, "tcp", server)
			return Route{Conn: conn, Network: resolving{network}, Gateway: fmt.Sprint("gw", routes)}, err
		}
	})
	listeners, _ := other.Open()
	assert.Zero(t, listeners)
}
