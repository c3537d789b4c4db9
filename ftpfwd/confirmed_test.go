package ftpfwd

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// uploaded lets the client send a file up to the server's reply that confirms it.
func (r *rig) uploaded() {
	client, server := r.passive()
	r.begin("STOR up")
	write(r.t, client, "data")
	require.NoError(r.t, client.Close())
	assert.Equal(r.t, "data", readAll(r.t, server))
	require.NoError(r.t, server.Close())
	r.server.say("226 done")
}

// A killed client's data ends before its control connection does.
func TestASuccessThatTheClientDidNotReadIsNone(t *testing.T) {
	withRig(t, func(r *rig) {
		r.uploaded()
		assert.Empty(t, r.told(TransferEnded), "the client may never hear of it")
		require.NoError(t, r.client.conn.Close()) // which resets it: the reply is unread
		ended := r.told(TransferEnded)
		require.Len(t, ended, 1)
		tr := ended[0].Transfer
		assert.ErrorIs(t, tr.Err, errUnread)
		assert.Equal(t, Client, tr.Blame)
		assert.EqualValues(t, 4, tr.Bytes)
		assert.Zero(t, tr.Reply, "nobody has heard one")
		assert.Len(t, r.told(SessionClosed), 1)
	})
}

// What it leaves unread may be what it was told later.
func TestASuccessStaysOneWhenTheClientLeavesSomethingElseUnread(t *testing.T) {
	withRig(t, func(r *rig) {
		r.uploaded()
		r.client.hear("226 done")
		r.far.Fail(errLost)
		synctest.Wait() // the client is told
		require.NoError(t, r.client.conn.Close())
		tr := r.transfer()
		require.NoError(t, tr.Err)
		assert.Equal(t, 226, tr.Reply)
	})
}

func TestASuccessIsReportedWhenTheClientGoesOn(t *testing.T) {
	for name, goOn := range map[string]func(r *rig){
		"with a command": func(r *rig) { r.client.say("NOOP") },
		"by an end":      func(r *rig) { require.NoError(r.t, r.client.conn.Close()) },
		"not at all":     func(*rig) { pass(readAtMost) },
		"without it":     func(r *rig) { require.NoError(r.t, r.server.conn.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.uploaded()
				r.client.hear("226 done")
				goOn(r)
				tr := r.transfer()
				require.NoError(t, tr.Err)
				assert.Equal(t, 226, tr.Reply)
			})
		})
	}
}

func TestTransfersAreReportedInTheirOrder(t *testing.T) {
	withRig(t, func(r *rig) {
		r.uploaded()
		r.client.hear("226 done")
		r.client.say("RETR nothing")
		r.server.hear("RETR nothing")
		r.server.say("550 no such file")
		r.client.hear("550 no such file")
		ended := r.ended()
		require.Len(t, ended, 2)
		assert.Equal(t, []int{226, 550}, []int{ended[0].Reply, ended[1].Reply})
	})
}

// What was confirmed stays so when the session is then ended from here.
func TestASuccessIsReportedWhenTheTunnelStops(t *testing.T) {
	withRig(t, func(r *rig) {
		r.uploaded()
		r.client.hear("226 done")
		r.stop()
		_, err := io.Copy(io.Discard, r.client.in)
		require.NoError(t, err)
		require.NoError(t, r.client.conn.Close())
		require.NoError(t, r.transfer().Err)
	})
}
