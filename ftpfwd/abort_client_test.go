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

// Most servers reply to the transfer and to the ABOR. Both are the client's, and
// the reply to the next command is the next command's.
func TestClientReceivesBothRepliesToItsABOR(t *testing.T) {
	withRig(t, func(r *rig) {
		_, server := r.passive()
		r.startTransfer("STOR x")
		r.client.send("ABOR")
		r.server.expect("ABOR")
		_ = server.Close()
		r.server.send("426 aborted", "226 ABOR successful")
		r.client.expect("426 aborted", "226 ABOR successful")
		assert.Equal(r.t, 426, r.endedTransfer().Reply)
		r.client.send("PASV")
		r.refuse("PASV") // and not the ABOR
		r.server.expect("EPSV")
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

func TestClientReceivesBothRepliesWhenItAlsoResetsUpload(t *testing.T) {
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
		r.startTransfer("RETR endless")
		sent := make(chan error, 1)
		go func() {
			for {
				if _, err := io.WriteString(server, "more"); err != nil {
					sent <- err // the server reads its control connection now
					return
				}
				advance(time.Millisecond)
			}
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
