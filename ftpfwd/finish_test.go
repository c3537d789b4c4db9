package ftpfwd

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFinalReplyWaitsForData(t *testing.T) {
	t.Run("that the client's window takes", func(t *testing.T) {
		withRig(t, func(r *rig) {
			client, server := r.passive()
			r.startTransfer("RETR big")
			data := strings.Repeat("x", 50_000)
			writeData(r.t, server, data)
			require.NoError(r.t, server.Close())
			r.server.send("226 done")
			assert.Equal(r.t, data, readData(r.t, client))
			r.client.expect("226 done")
		})
	})
	t.Run("that the forwarder holds", func(t *testing.T) {
		withRig(t, func(r *rig) {
			client, server := r.passive()
			r.startTransfer("RETR big")
			data := strings.Repeat("x", 100_000)
			go func() { _, _ = io.WriteString(server, data); _ = server.Close() }()
			synctest.Wait()
			r.server.send("226-done", "226 really", "200 next")
			r.client.expectNothing()
			assert.Equal(r.t, data, readData(r.t, client))
			r.client.expect("226-done", "226 really", "200 next")
		})
	})
}

func TestFinalReplyDoesNotWaitForClientToClose(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("LIST")
		require.NoError(r.t, server.Close())
		r.finish()
		assert.Empty(r.t, readData(r.t, client))
	})
}

func TestSuccessBecomes426WhenDataDoesNotMove(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR stuck")
		go func() { _, _ = io.WriteString(server, strings.Repeat("x", 200_000)) }()
		synctest.Wait()
		r.server.send("226 done")
		began := time.Now()
		assert.Contains(r.t, r.client.receive(), "426 transfer failed")
		assert.Equal(r.t, dataAtMost, time.Since(began))
		requireReset(r.t, client)
		ended := r.endedTransfer()
		assert.ErrorIs(r.t, ended.Err, errStalled)
		assert.Equal(r.t, Client, ended.Blame)
	})
}

// overtake sends the final reply to a download before the server connects, and
// checks that the client receives it behind the data.
func (r *rig) overtake(command, reply string) {
	r.t.Helper()
	l, at := r.active()
	r.startTransfer(command)
	r.server.send(reply)
	r.client.expectNothing()
	server := r.serverDials(at)
	writeData(r.t, server, "data")
	require.NoError(r.t, server.Close())
	assert.Equal(r.t, "data", readData(r.t, r.accept(l)))
	r.client.expect(reply)
}

func TestFinalReplyWaitsForServersConnection(t *testing.T) {
	withRig(t, func(r *rig) { r.overtake("LIST", "226 done") })
}

// As when the gateway could not forward the connection.
func TestSuccessWithoutDataConnectionBecomes426(t *testing.T) {
	withRig(t, func(r *rig) {
		r.active()
		r.startTransfer("STOR x")
		r.server.send("226 done")
		assert.Contains(r.t, r.client.receive(), "426 transfer failed")
		assert.ErrorIs(r.t, r.endedTransfer().Err, errNoData)
	})
}

func TestFinalReplyWaitsForDialToClient(t *testing.T) {
	withRig(t, func(r *rig) {
		dialled := make(chan error)
		_, at := r.active()
		r.startTransfer("STOR x")
		r.near.Dialled = func(string) error { return <-dialled }
		server := r.serverDials(at)
		require.NoError(r.t, server.Close())
		synctest.Wait()
		r.server.send("226 an empty file")
		r.client.expectNothing()
		dialled <- errors.New("no route to host")
		assert.Contains(r.t, r.client.receive(), "426 ")
		r.client.expectNothing()
		r.endedTransfer() // it is reported once
	})
}

// What has arrived before a refusal is the client's, who may continue behind it.
func TestRefusalOfBegunDownloadFollowsItsData(t *testing.T) {
	for _, refusal := range []string{"451 read error", "426 no more", "520 oops", "451-read\r\n error\r\n451 it is"} {
		withRig(t, func(r *rig) {
			client, server := r.passive()
			r.startTransfer("RETR x")
			data := strings.Repeat("x", 300_000)
			go func() { _, _ = io.WriteString(server, data); _ = server.Close() }()
			synctest.Wait()
			r.server.send(strings.Split(refusal, "\r\n")...)
			r.client.expectNothing()
			assert.Equal(r.t, data, readData(r.t, client))
			r.client.expect(strings.Split(refusal, "\r\n")...)
			ended := r.endedTransfer()
			assert.EqualValues(r.t, len(data), ended.Bytes)
			assert.Equal(r.t, Server, ended.Blame)
			assert.ErrorContains(r.t, ended.Err, refusal[:3])
		})
	}
}

func TestRefusalDoesNotWaitForDataThatStandsStill(t *testing.T) {
	withRig(t, func(r *rig) {
		r.passive()
		r.startTransfer("RETR x")
		r.server.send("451 error")
		began := time.Now()
		r.client.expect("451 error")
		assert.Equal(r.t, refusedAtMost, time.Since(began))
	})
}

// Through SSH the refusal may overtake the server's connection.
func TestRefusalOfBegunDownloadWaitsForServersConnection(t *testing.T) {
	withRig(t, func(r *rig) {
		r.overtake("RETR x", "451 read error")
		assert.EqualValues(r.t, 4, r.endedTransfer().Bytes)
	})
	for refusal, limit := range map[string]time.Duration{"451 read error": connectionAtMost, "425 cannot connect": 0} {
		withRig(t, func(r *rig) {
			r.active()
			r.startTransfer("RETR x")
			began := time.Now()
			r.server.send(refusal)
			r.client.expect(refusal)
			assert.Equal(r.t, limit, time.Since(began), refusal)
		})
	}
}

// The client has its reply.
func TestRepliesBehind200ToDownloadDoNotWaitForData(t *testing.T) {
	withRig(t, func(r *rig) {
		r.passive()
		r.exchange("RETR x", "200 odd")
		r.exchange("NOOP", "200 noop")
		began := time.Now()
		r.exchange("PWD", "257 in step")
		assert.LessOrEqual(r.t, time.Since(began), connectionAtMost)
		ended := r.endedTransfer()
		assert.Error(r.t, ended.Err)
		assert.Equal(r.t, 200, ended.Reply)
	})
}

func TestRefusalOnKeptConnectionIsNotHeldLong(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("MODE B", "200 block it is")
		client, server := r.passive()
		r.startTransfer("RETR x")
		sendData(r.t, server, client, blockData("file", true))
		r.finish()
		r.client.send("RETR y")
		r.server.expect("RETR y")
		r.server.send("125 here")
		r.client.expect("125 here")
		began := time.Now()
		r.server.send("451 read error")
		r.client.expect("451 read error")
		assert.LessOrEqual(r.t, time.Since(began), connectionAtMost)
	})
}

func TestRefusalAfterABORDoesNotWaitForData(t *testing.T) {
	withRig(t, func(r *rig) {
		r.passive()
		r.startTransfer("RETR x")
		r.client.send("ABOR")
		r.server.expect("ABOR")
		r.server.send("426 aborted", "226 done")
		began := time.Now()
		r.client.expect("426 aborted", "226 done")
		assert.Zero(r.t, time.Since(began))
	})
}
