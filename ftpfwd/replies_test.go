package ftpfwd

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Some clients look for surplus bytes behind a reply, and find them in the same
// read.
func TestBytesThatArriveTogetherAreSentTogether(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("NOOP")
		r.server.expect("NOOP")
		r.server.sendBytes("200 one\r\n200 two\r\n200 three\r\n")
		synctest.Wait()
		b := make([]byte, 100)
		n, err := r.client.conn.Read(b)
		require.NoError(r.t, err)
		assert.Equal(r.t, "200 one\r\n200 two\r\n200 three\r\n", string(b[:n]))
	})
}

func TestGreetingIsNotTheReplyToACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.connect()
		r.client.send("AUTH TLS", "FEAT", "EPSV") // some clients do not wait
		r.server.expect("FEAT", "EPSV")
		r.server.send("120 in a minute", "220-hello", "220 ready", "211-Features", " AUTH TLS", " SIZE", "211 End", "229 ok (|||4000|)")
		r.client.expect("120 in a minute", "220-hello", "220 ready")
		assert.Contains(t, r.client.receive(), "534 AUTH refused")
		r.client.expect("211-Features", " SIZE", "211 End")
		assert.NotContains(t, r.client.receive(), "|4000|")
		r.close()
	})
}

func TestOwnRepliesKeepTheirPlace(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("NOOP", "AUTH TLS", "SYST", "AUTH SSL")
		r.server.expect("NOOP", "SYST")
		r.client.expectNothing()
		r.server.send("200-first", "200 ok", "215 UNIX")
		r.client.expect("200-first", "200 ok")
		assert.Contains(r.t, r.client.receive(), "534 ")
		r.client.expect("215 UNIX")
		assert.Contains(r.t, r.client.receive(), "534 ")
	})
}

func TestOwnReplyIsSentBeforeAddressThatSkipsACommand(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("XYZZY", "AUTH TLS", "PASV")
		r.server.expect("XYZZY", "PASV")
		r.server.send("227-wait", "227 ok (127,0,0,1,20,1)") // XYZZY is never answered
		assert.Contains(r.t, r.client.receive(), "534 AUTH")
		r.client.expect("227-wait")
		assert.Contains(r.t, r.client.receive(), "227 ok")
	})
}

func TestLateReplyDoesNotShiftOthers(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("SITE SLOW", "AUTH TLS")
		r.server.expect("SITE SLOW")
		began := time.Now()
		assert.Contains(r.t, r.client.receive(), "534 ")
		assert.Equal(r.t, ownReplyAtMost, time.Since(began)) // SITE SLOW is given up

		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("214 slow", "500 no")
		r.client.expect("214 slow")
		r.acceptPassive("EPSV") // the 500 is PASV's
		r.announced("227")
	})
}

// A server may wait for a data connection for minutes before it refuses.
func TestOwnReplyDoesNotOvertakeTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		r.active()
		r.client.send("RETR x", "AUTH TLS")
		r.server.expect("RETR x")
		advance(3 * ownReplyAtMost)
		r.server.send("150 soon")
		r.client.expect("150 soon")
		advance(3 * ownReplyAtMost)
		r.client.expectNothing()
		r.server.send("425 I cannot connect")
		r.client.expect("425 I cannot connect")
		assert.Contains(r.t, r.client.receive(), "534 ")
	})
}

// glftpd: the 553 is no refusal.
func TestRefusalThatEndsAs150AnnouncesTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.client.send("STOR x")
		r.server.expect("STOR x")
		r.server.send("553-", "553- Directory excluded (precheck).", "150 Opening BINARY mode data connection for x.")
		r.client.expect("553-", "553- Directory excluded (precheck).", "150 Opening BINARY mode data connection for x.")
		sendData(r.t, client, server, "data")
		reset(client)
		assert.Contains(r.t, r.client.receive(), "426 transfer failed")
		r.server.expect("ABOR")
	})
}

func TestRefusalInSeveralLinesEndsTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		_, _ = r.passive()
		r.client.send("STOR x")
		r.server.expect("STOR x")
		r.server.send("553-Not here", "553- or there.", "553 Denied")
		r.client.expect("553-Not here", "553- or there.", "553 Denied")
		tr := r.endedTransfer()
		assert.Equal(r.t, 553, tr.Reply)
		assert.ErrorContains(r.t, tr.Err, "553-Not here")
	})
}

// uftpd replies 426 to PASV, which is a reply to a transfer.
func TestCommandsContinueWhen426RefusesPASV(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PASV", "NOOP")
		r.server.expect("PASV")
		began := time.Now()
		r.server.send("426 Internal server error.")
		r.client.expect("426 Internal server error.")
		r.server.expect("NOOP")
		assert.Zero(r.t, time.Since(began))
	})
}

func TestClientThatDoesNotReadOwnRepliesIsNotRead(t *testing.T) {
	withRig(t, func(r *rig) {
		commands := strings.Repeat("AUTH TLS\r\n", 100)
		written := make(chan error)
		go func() {
			for range 1000 {
				if _, err := r.client.conn.Write([]byte(commands)); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		synctest.Wait()
		select {
		case <-written:
			r.t.Error("all commands were read")
		default:
			r.client.receive() // a reply has come
			require.NoError(r.t, r.client.conn.Close())
			assert.Error(r.t, <-written)
		}
	})
}
