package ftpfwd

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The end of the first connection takes another path than the reply, and may
// arrive later.
func TestConnectionOfFailedTransferIsNotUsedForNext(t *testing.T) {
	withRig(t, func(r *rig) {
		l, at := r.active()
		r.startTransfer("RETR x")
		first := r.serverDials(at)
		_ = r.accept(l)
		r.server.send("551 disk error")
		r.client.expect("551 disk error")

		r.startTransfer("STOR y")
		second := r.serverDials(at)
		r.finishUpload(r.accept(l), second)
		_ = first.Close()
		ended := r.endedTransfers()
		require.Len(r.t, ended, 2)
		assert.EqualValues(r.t, 4, ended[1].Bytes)
	})
}

// pyftpdlib replies to PORT once its data connection is open, which may be behind
// the 150.
func TestPORTAnsweredBehindThe150DoesNotEndTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		l, hostPort := r.clientListener()
		r.client.send("PORT "+hostPort, "RETR x")
		at := r.addressIn(r.server.receive())
		advance(openAtMost) // the RETR waits no longer
		r.server.expect("RETR x")
		server := r.serverDials(at)
		client := r.accept(l)
		r.server.send("150 here it comes", "200 connected")
		r.client.expect("150 here it comes", "200 connected")
		assert.Empty(r.t, r.endedTransfers())
		r.finishDownload(server, client)
		tr := r.endedTransfer()
		assert.NoError(r.t, tr.Err)
		assert.Equal(r.t, 226, tr.Reply)
	}, exactMode)
}

func TestClientIsBlamedForUploadThatItLeft(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		writeData(r.t, client, "half")
		require.NoError(r.t, r.client.conn.Close())
		synctest.Wait()
		writeData(r.t, client, " of it")
		require.NoError(r.t, client.Close())
		assert.Equal(r.t, "half of it", readData(r.t, server))
		require.NoError(r.t, server.Close())
		r.server.send("226 stored")
		r.server.expectEOF()
		require.NoError(r.t, r.server.conn.Close())
		tr := r.endedTransfer()
		assert.ErrorIs(r.t, tr.Err, errGone)
		assert.Equal(r.t, Client, tr.Blame)
	})
}

func TestUploadWhoseDataWasResetBeforeItsCommandFails(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		writeData(r.t, client, "half of")
		reset(client)
		synctest.Wait()
		r.client.send("REST 100", "STOR x")
		r.server.expect("REST 100", "STOR x", "ABOR")
		r.server.send("350 from 100", "150 here", "426 aborted", "226 aborted")
		require.NoError(r.t, server.Close())
		r.client.expect("350 from 100")
		assert.Contains(r.t, r.client.receive(), "426 transfer failed: the data connection to the client broke")
	})
}

func TestTransferBehindRefusedPathUsesThePathBefore(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.client.send("EPSV", "RETR x")
		r.server.expect("EPSV", "RETR x")
		r.server.send("500 no", "150 here it comes")
		r.client.expect("500 no", "150 here it comes")
		r.finishDownload(server, client)
		assert.EqualValues(r.t, 4, r.endedTransfer().Bytes)
	})
}

func TestTransferOnNewPathIsNotRefusedForFailureOfOldPath(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		reset(client)
		synctest.Wait()
		r.client.send("EPSV", "RETR x")
		r.server.expect("EPSV", "RETR x")
	})
}
