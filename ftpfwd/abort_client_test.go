package ftpfwd

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Tests of an ABOR that the client sends.

// Most servers reply to the transfer and to the ABOR. The second reply is not the
// reply to a command behind the ABOR.
func TestBothRepliesToABORAreRelayed(t *testing.T) {
	withRig(t, func(r *rig) {
		_, server := r.passive()
		r.startTransfer("STOR x")
		r.client.send("ABOR", "AUTH TLS", "RETR y")
		r.server.expect("ABOR", "RETR y")
		_ = server.Close()
		r.server.send("426 aborted", "226 ABOR successful")
		r.client.expect("426 aborted", "226 ABOR successful")
		assert.Contains(r.t, r.client.receive(), "534 AUTH")
		r.server.send("550 no such file")
		r.client.expect("550 no such file")
		ended := r.endedTransfers()
		require.Len(r.t, ended, 2)
		assert.Equal(r.t, []int{426, 550}, []int{ended[0].Reply, ended[1].Reply})
	})
}

// aioftp and others reply to the transfer only.
func TestABORWithoutReplyDoesNotShiftLaterReplies(t *testing.T) {
	withRig(t, func(r *rig) {
		_, server := r.passive()
		r.startTransfer("STOR x")
		r.client.send("ABOR")
		r.server.expect("ABOR")
		_ = server.Close()
		r.server.send("426 aborted")
		r.client.expect("426 aborted")
		_, hostPort := r.clientListener()
		r.client.send("PORT " + hostPort)
		r.refuse("PORT", "EPRT", "EPRT")
		r.server.expect("EPSV")
	})
}

func TestBothRepliesToABORAreRelayedWhenClientAlsoResets(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		r.client.sendBytes("\xff\xf4\xff\xf2ABOR\r\n")
		r.server.expect("ABOR")
		reset(client)
		synctest.Wait() // the server replies once its data has ended
		r.server.send("226 complete, it thinks", "226 aborted")
		assert.Contains(r.t, r.client.receive(), "426 ")
		r.client.expect("226 aborted")
		assert.Empty(r.t, readData(r.t, server))
		assert.Equal(r.t, Client, r.endedTransfer().Blame)
	})
}

// Servers that do not read their control connection while they send would send
// the whole file.
func TestABOREndsDownload(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR long")
		sent := make(chan error, 1)
		go func() {
			var err error
			for began := time.Now(); err == nil && time.Since(began) < time.Minute; advance(time.Millisecond) {
				_, err = io.WriteString(server, "more")
			}
			sent <- err // the server reads its control connection now
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		advance(time.Second)
		r.client.sendBytes("\xff\xf4\xff\xf2ABOR\r\n")
		r.server.expect("ABOR")
		require.Error(r.t, <-sent)
		r.server.send("426 failure writing", "226 ABOR successful")
		r.client.expect("426 failure writing", "226 ABOR successful")
	})
}

func TestClientReceives421WhenServerDiesOfABOR(t *testing.T) {
	withRig(t, func(r *rig) {
		_, server := r.passive()
		r.startTransfer("RETR x")
		r.client.send("ABOR")
		r.server.expect("ABOR")
		require.NoError(r.t, r.server.conn.Close())
		require.NoError(r.t, server.Close())
		r.client.expect("421 the FTP server ended the session when its transfer was aborted")
		r.client.expectEOF()
		assert.Error(r.t, r.endedTransfer().Err)
	})
}
