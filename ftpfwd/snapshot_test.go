package ftpfwd

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSessionsDescribesOpenSessions(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		client, server := r.passive()
		r.startTransfer("RETR x")
		sendData(r.t, server, client, "data")
		secondClient, secondServer := r.openSecond()

		infos := r.forwarder.Sessions(r.t.Context())
		require.Len(r.t, infos, 2)
		first := infos[0]
		assert.Equal(r.t, []string{"bob", "gw", "localhost:21", "relaying"}, []string{first.User, first.Gateway, first.Server, first.State})
		require.Len(r.t, first.Transfers, 1)
		assert.Equal(r.t, "RETR", first.Transfers[0].Command)
		assert.EqualValues(r.t, 4, first.Transfers[0].Bytes)
		assert.Empty(r.t, infos[1].Transfers)

		require.NoError(r.t, secondClient.conn.Close())
		require.NoError(r.t, secondServer.conn.Close())
		r.finishDownload(server, client)
		synctest.Wait()
		assert.Len(r.t, r.forwarder.Sessions(r.t.Context()), 1)
	}, throughGateway)
}
