package ftpfwd

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Tests of the ABOR that the forwarder sends when the client resets the data
// connection of an upload.

func TestResetUploadIsAbortedAndNotConfirmed(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		sendData(r.t, client, server, "half of")
		reset(client)
		r.server.expect("ABOR") // before the data ends
		require.Zero(r.t, server.(interface{ Buffered() int }).Buffered())
		assert.Contains(r.t, r.client.receive(), "426 transfer failed: the data connection to the client broke; the file on the server is not complete")

		r.client.send("NOOP") // waits for the end of the abort
		r.server.send("426 aborted")
		assert.Empty(r.t, readData(r.t, server))
		r.server.send("226 done")
		r.server.expect("NOOP")
		r.server.send("200 fine")
		r.client.expect("200 fine")
		tr := r.endedTransfer()
		assert.Equal(r.t, Client, tr.Blame)
		assert.ErrorIs(r.t, tr.Err, syscall.ECONNRESET)
		assert.Equal(r.t, 426, tr.Reply)
	})
}

func TestCommandsSentBeforeResetReceiveTheirReplies(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.startTransfer("STOR x")
		r.client.send("NOOP", "SYST")
		r.server.expect("NOOP", "SYST")
		reset(client)
		r.server.expect("ABOR")
		assert.Contains(r.t, r.client.receive(), "426 ")
		r.server.send("226 complete, it thinks", "200 fine", "215-UNIX", "215 really", "225 nothing to abort")
		r.client.expect("200 fine", "215-UNIX", "215 really")
		r.exchange("PWD", "257 here")
	})
}

func TestTransferSentBeforeResetReceivesItsReplies(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.startTransfer("STOR x")
		r.client.send("DELE x", "EPSV", "RETR y")
		r.server.expect("DELE x", "EPSV", "RETR y")
		reset(client)
		r.server.expect("ABOR")
		assert.Contains(r.t, r.client.receive(), "426 ")
		r.server.send("226 complete, it thinks", "250 deleted", "229 ok (|||4000|)", "150 y", "550 gone", "225 nothing to abort")
		r.client.expect("250 deleted")
		assert.Contains(r.t, r.client.receive(), "229 ok")
		r.client.expect("150 y", "550 gone")
		r.client.expectNothing()
	})
}

func TestReplyToOwnABORIsDroppedBehindLateReplies(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.startTransfer("STOR x")
		r.client.send("SITE SLOW")
		r.server.expect("SITE SLOW")
		writeData(r.t, client, "half")
		reset(client)
		r.server.expect("ABOR")
		r.server.send("226 stored")
		advance(3*abortQuiet - abortQuiet/10)
		r.server.send("200 slow")
		advance(abortQuiet / 2)
		r.server.send("226 abort")
		assert.Contains(r.t, r.client.receive(), "426 ")
		r.client.expect("200 slow")
		r.exchange("NOOP", "200 noop")
	})
}

func TestUploadDataEndsWhenOwnABORIsNotAnswered(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		began := time.Now()
		reset(client)
		assert.Contains(r.t, r.client.receive(), "426 ")
		assert.Empty(r.t, readData(r.t, server))
		assert.Equal(r.t, abortAnswer, time.Since(began))
		r.server.expect("ABOR")
		r.server.send("226 Transfer complete", "225 nothing to abort") // the file is a part only
		r.exchange("NOOP", "200 fine")
	})
}

func TestServerThatDoesNotAnswerOwnABORHoldsClientForALimitedTime(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.startTransfer("STOR x")
		began := time.Now()
		reset(client)
		synctest.Wait()
		r.client.send("NOOP")
		r.server.expect("ABOR", "NOOP")
		assert.Equal(r.t, abortAnswer+abortAtMost, time.Since(began))
	})
}

// Servers reply once, twice or three times.
func TestEveryReplyToOwnABORIsDropped(t *testing.T) {
	for name, replies := range map[string][]string{
		"one":   {"426 aborted"},
		"two":   {"426 aborted", "226 abort successful"},
		"three": {"226 complete, it thinks", "426 aborted", "225-no transfer", "225 to abort"},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				client, _ := r.passive()
				r.startTransfer("STOR x")
				reset(client)
				r.server.expect("ABOR")
				assert.Contains(r.t, r.client.receive(), "426 transfer failed")
				r.server.send(replies...)
				r.client.expectNothing()
				advance(abortAtMost)
				r.exchange("NOOP", "200 fine")
			})
		})
	}
}

func TestReplyToAbortedUploadKeepsItsPlace(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.client.send("REST 100", "STOR x")
		r.server.expect("REST 100", "STOR x")
		reset(client)
		r.server.expect("ABOR")
		r.client.expectNothing()
		r.server.send("350 from 100", "150 continue", "426 aborted", "226 done")
		r.client.expect("350 from 100")
		assert.Contains(r.t, r.client.receive(), "426 transfer failed")
		r.client.expectNothing()
	})
}

func TestReplyToAbortedUploadIsNotSentWithinAnotherReply(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.client.send("STOR x")
		r.server.expect("STOR x")
		r.server.send("150-here")
		r.client.expect("150-here")
		reset(client)
		r.server.expect("ABOR")
		r.client.expectNothing()
		r.server.send("150 continue")
		r.client.expect("150 continue")
		assert.Contains(r.t, r.client.receive(), "426 transfer failed")
	})
}
