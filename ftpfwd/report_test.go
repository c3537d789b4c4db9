package ftpfwd

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The data connection of a client that was killed ends before its control
// connection.
func TestUnreadSuccessIsReportedAsFailure(t *testing.T) {
	withRig(t, func(r *rig) {
		r.upload()
		assert.Empty(r.t, r.events(TransferEnded), "the client may not read the reply")
		require.NoError(r.t, r.client.conn.Close()) // resets it, as the reply is unread
		ended := r.events(TransferEnded)
		require.Len(r.t, ended, 1)
		tr := ended[0].Transfer
		assert.ErrorIs(r.t, tr.Err, errUnread)
		assert.Equal(r.t, Client, tr.Blame)
		assert.EqualValues(r.t, 4, tr.Bytes)
		assert.Zero(r.t, tr.Reply, "no reply was read")
		assert.Len(r.t, r.events(SessionClosed), 1)
	})
}

func TestSuccessStaysWhenClientLeavesLaterReplyUnread(t *testing.T) {
	withRig(t, func(r *rig) {
		r.upload()
		r.client.expect("226 done")
		r.far.Fail(errLost)
		synctest.Wait() // the client is sent a 421
		require.NoError(r.t, r.client.conn.Close())
		tr := r.endedTransfer()
		require.NoError(r.t, tr.Err)
		assert.Equal(r.t, 226, tr.Reply)
	})
}

func TestSuccessIsReportedWhen(t *testing.T) {
	for name, then := range map[string]func(r *rig){
		"the client sends a command": func(r *rig) { r.client.send("NOOP") },
		"the client closes":          func(r *rig) { require.NoError(r.t, r.client.conn.Close()) },
		"nothing happens":            func(*rig) { advance(readAtMost) },
		"the server closes":          func(r *rig) { require.NoError(r.t, r.server.conn.Close()) },
		"the tunnel stops": func(r *rig) {
			r.stop()
			_, err := io.Copy(io.Discard, r.client.reader)
			require.NoError(r.t, err)
			require.NoError(r.t, r.client.conn.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.upload()
				r.client.expect("226 done")
				then(r)
				tr := r.endedTransfer()
				require.NoError(r.t, tr.Err)
				assert.Equal(r.t, 226, tr.Reply)
			})
		})
	}
}

func TestTransfersAreReportedInOrder(t *testing.T) {
	withRig(t, func(r *rig) {
		r.upload()
		r.client.expect("226 done")
		r.exchange("RETR nothing", "550 no such file")
		ended := r.endedTransfers()
		require.Len(r.t, ended, 2)
		assert.Equal(r.t, []int{226, 550}, []int{ended[0].Reply, ended[1].Reply})
	})
}
