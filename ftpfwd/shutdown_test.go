package ftpfwd

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIncompleteLastLineIsPassedOnWhenItsSenderEnds(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.sendBytes("QUI")
		r.server.expectNothing()
		halfClose(r.t, r.client.conn)
		r.server.expectBytes("QUI")
		r.server.expectEOF()
		r.server.sendBytes("221 by")
		require.NoError(r.t, r.server.conn.Close())
		r.client.expectBytes("221 by")
		r.client.expectEOF()
	})
}

func TestLastRepliesReachClientThatHasHalfClosed(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("QUIT")
		halfClose(r.t, r.client.conn)
		r.server.expect("QUIT")
		r.server.expectEOF()
		r.server.send("221 bye")
		require.NoError(r.t, r.server.conn.Close())
		r.client.expect("221 bye")
		r.client.expectEOF()
	})
}

func TestSessionEndsWhenServerIgnoresEndOfClient(t *testing.T) {
	withRig(t, func(r *rig) {
		began := time.Now()
		halfClose(r.t, r.client.conn)
		r.server.expectEOF()
		r.client.expectEOF()
		assert.Equal(r.t, lingerAtMost, time.Since(began))
	})
}

func TestClientReceives421WhenServerIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.far.Dialled = func(string) error { return errors.New("connection refused") } })
		conn := r.clientDials("127.0.0.1:2121")
		assert.Equal(t, "421 connection refused\r\n", readData(t, conn))
		require.NoError(t, conn.Close())
		r.stop()
	})
}

func TestClientThatDoesNotCloseAfter421IsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.far.Dialled = func(string) error { return errors.New("connection refused") } })
		conn := r.clientDials("127.0.0.1:2121")
		assert.Equal(t, "421 connection refused\r\n", readData(t, conn))
		advance(farewellAtMost - time.Millisecond)
		assert.Empty(t, r.events(SessionClosed))
		advance(2 * time.Millisecond)
		assert.Len(t, r.events(SessionClosed), 1)
		r.stop()
	})
}

func TestClientReceives421WhenTunnelFailsOrStops(t *testing.T) {
	for want, end := range map[string]func(*rig){
		"421 control connection to the FTP server: connection lost": func(r *rig) { r.far.Fail(errLost) },
		"421 the tunnel is shutting down":                           func(r *rig) { r.stop() },
	} {
		withRig(t, func(r *rig) {
			end(r)
			r.client.expect(want)
			r.client.expectEOF()
		})
	}
}

// A closedNetwork is the error of a network that its owner has closed.
type closedNetwork struct{}

func (closedNetwork) Error() string       { return "closed" }
func (closedNetwork) ClosedByOwner() bool { return true }

func TestTransferIsBlamedOnTunnelThatClosesItsNetwork(t *testing.T) {
	for err, blame := range map[error]Side{errLost: Server, fmt.Errorf("%w: %w", errLost, closedNetwork{}): Tunnel} {
		withRig(t, func(r *rig) {
			client, server := r.passive()
			r.startTransfer("RETR x")
			sendData(r.t, server, client, "half of")
			r.far.Fail(err)
			ended := r.endedTransfer()
			assert.ErrorIs(r.t, ended.Err, errLost)
			assert.Equal(r.t, blame, ended.Blame)
		})
		withRig(t, func(r *rig) { // the control connection only
			r.passive()
			r.client.send("RETR x")
			r.server.expect("RETR x")
			r.far.Fail(err)
			assert.Equal(r.t, blame, r.endedTransfer().Blame)
		})
	}
}

func TestDrainingSessionFinishesItsTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		writeData(r.t, client, "data")
		r.stop()
		r.client.expectNothing()
		require.NoError(r.t, client.Close())
		assert.Equal(r.t, "data", readData(r.t, server))
		require.NoError(r.t, server.Close())
		r.server.send("226 done")
		r.client.expect("226 done", "421 the tunnel is shutting down")
	}, func(r *rig) { r.forwarder.DrainTimeout = time.Hour })
}

func TestDrainingSessionDoesNotWaitForUnusedDataConnection(t *testing.T) {
	for name, use := range map[string]func(r *rig){
		"no command": func(*rig) {},
		"refused":    func(r *rig) { r.exchange("RETR x", "550 no such file") },
		"refused, and the client closes": func(r *rig) {
			r.exchange("RETR x", "550 no such file")
			require.NoError(r.t, r.client.conn.Close())
			r.server.expectEOF()
			require.NoError(r.t, r.server.conn.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.passive()
				use(r)
				synctest.Wait()
				began := time.Now()
				r.stop()
				_, _ = io.Copy(io.Discard, r.client.reader)
				_ = r.client.conn.Close()
				synctest.Wait()
				assert.Len(r.t, r.events(SessionClosed), 1)
				assert.LessOrEqual(r.t, time.Since(began), farewellAtMost)
			}, func(r *rig) { r.forwarder.DrainTimeout = time.Hour })
		})
	}
}

func TestServerThatClosesWithoutGoodbyeIsReported(t *testing.T) {
	for _, c := range []struct {
		name     string
		goodbye  func(r *rig)
		warnings int
	}{
		{"no reply", func(*rig) {}, 1},
		{"421", func(r *rig) { r.server.send("421 timeout"); r.client.expect("421 timeout") }, 0},
		{"221", func(r *rig) { r.exchange("QUIT", "221 bye") }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				c.goodbye(r)
				require.NoError(r.t, r.server.conn.Close())
				r.client.expectEOF()
				require.Len(r.t, r.events(Warned), c.warnings)
				for _, e := range r.events(Warned) {
					assert.ErrorIs(r.t, e.Err, ErrNoGoodbye)
				}
			})
		})
	}
}

// pyftpdlib sends a 421 when no data connection has come, and continues.
func TestSessionContinuesAfter421(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		r.epsv(4000)
		advance(30 * time.Second)
		r.server.send("421 Passive data channel timed out.")
		r.client.expect("421 Passive data channel timed out.")
		r.exchange("NOOP", "200 still connected")
		client, server := r.passive()
		r.startTransfer("RETR x")
		r.finishDownload(server, client)
		require.NoError(r.t, r.endedTransfer().Err)
	})
}
