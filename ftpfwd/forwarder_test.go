package ftpfwd

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMaxClientsBoundsSessions(t *testing.T) {
	withRig(t, func(r *rig) {
		second := r.connectClient()
		second.expect("421 too many clients are connected")
		second.expectEOF()
		// The next client is served once the first has left.
		require.NoError(r.t, r.client.conn.Close())
		_, err := r.server.reader.ReadByte()
		require.Error(r.t, err)
		_ = r.server.conn.Close()
		require.Len(r.t, r.events(SessionClosed), 1)
		r.connect()
		r.server.send("220 ready")
		r.client.expect("220 ready")
	}, func(r *rig) { r.forwarder.MaxClients = 1 })
}

func TestServeRefusesServerWithoutPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &Forwarder{Server: "localhost", Remote: host{}}
	assert.ErrorContains(t, f.Serve(t.Context(), l), `FTP server "localhost"`)
	_, err = l.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}
