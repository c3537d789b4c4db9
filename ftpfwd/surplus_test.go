package ftpfwd

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Replies that may have answered a PASV or EPSV, and the commands behind it.

// finalReplies have no address, and end a command.
var finalReplies = []string{"200 ok", "226 done", "250 fine", "426 aborted"}

// The client has had its reply, however long it thinks.
func TestReplyThatIsNoAddressIsTheOnlyOne(t *testing.T) {
	for _, reply := range finalReplies {
		t.Run(reply, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.exchange("EPSV", reply)
				advance(openAtMost + time.Second)
				r.server.expectNothing()
				r.client.expectNothing()
				r.exchange("NOOP", "200 in step")
			})
		})
	}
}

func TestReplyThatIsNoAddressIsTheOnlyOneForPipeliningClient(t *testing.T) {
	for _, reply := range finalReplies {
		t.Run(reply, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.client.send("EPSV", "NOOP")
				r.server.expect("EPSV")
				synctest.Wait()
				r.server.send(reply)
				r.client.expect(reply)
				r.server.expect("NOOP")
				r.server.send("200 in step")
				r.client.expect("200 in step")
			})
		})
	}
}

func TestOwnReplyComesBehindTransferWhosePathWasNotOpened(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		r.client.send("EPSV", "RETR x")
		r.server.expect("EPSV")
		synctest.Wait()
		r.server.send("426 aborted")
		r.client.expect("426 aborted")
		r.server.expect("RETR x")
		r.server.send("425 use PASV first")
		r.client.expect("425 use PASV first")
		r.client.send("AUTH TLS")
		advance(time.Hour)
		require.NotZero(r.t, r.client.conn.(interface{ Buffered() int }).Buffered(), "a reply to AUTH")
		assert.Contains(r.t, r.client.receive(), "534 ")
		assert.Equal(r.t, 425, r.endedTransfer().Reply)
	})
}

func TestNumbersInReplyToNOOPAreNoAddressOfEPSVBefore(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("EPSV", "200 ok")
		r.exchange("NOOP", "200 in step (6,6,6,6,20,1)")
	})
}
