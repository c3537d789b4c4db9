package ftpfwd

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goneFor makes the owner of connections unknown, as of clients that have closed
// them, while gone is set.
func goneFor(gone *atomic.Bool) func(*rig) {
	return func(r *rig) {
		r.forwarder.Users = []string{"ann"}
		r.forwarder.Owner = func(net.Conn) (string, error) {
			if gone.Load() {
				return "", fmt.Errorf("no such socket: %w", ErrOwnerGone)
			}
			return "ann", nil
		}
	}
}

// small connects, sends a small file and closes, all before anybody looks, or is
// reset before.
func (r *rig) small(at, text string) {
	conn := r.clientDials(at)
	_, _ = io.WriteString(conn, text)
	require.NoError(r.t, conn.Close())
	synctest.Wait()
}

func withGone(t *testing.T, test func(r *rig, gone *atomic.Bool), options ...func(*rig)) {
	var gone atomic.Bool
	withRig(t, func(r *rig) { test(r, &gone) }, append(options, goneFor(&gone))...)
}

// commandGone opens a path whose connections have no owner any more, and sends a
// transfer command and the server's 150.
func (r *rig) commandGone(gone *atomic.Bool, command string) (l net.Listener, at string) {
	r.t.Helper()
	l, port := r.serverListener()
	at = r.epsv(port)
	gone.Store(true)
	r.client.send(command)
	r.server.expect(command)
	r.server.send("150 here")
	return l, at
}

// activeGone opens a path on which the server connects and the client's
// connections have no owner any more, and sends STOR. It returns where the server
// and the client connect.
func (r *rig) activeGone(gone *atomic.Bool) (server, client string) {
	r.t.Helper()
	r.client.send("EPSV")
	server = r.acceptActive("PORT")
	client = r.announced("229")
	gone.Store(true)
	r.client.send("STOR x")
	r.server.expect("STOR x")
	return server, client
}

func TestSmallUploadOfUnknownOwnerIsStored(t *testing.T) {
	for _, commandFirst := range []bool{true, false} {
		withGone(t, func(r *rig, gone *atomic.Bool) {
			l, port := r.serverListener()
			at := r.epsv(port)
			gone.Store(true)
			if !commandFirst {
				r.small(at, "small")
				advance(2 * candidateAtMost)
			}
			r.client.send("STOR x")
			r.server.expect("STOR x")
			r.server.send("150 send")
			if commandFirst {
				r.small(at, "small")
			}
			began := time.Now()
			server := r.accept(l)
			assert.LessOrEqual(r.t, time.Since(began), candidateAtMost)
			assert.Equal(r.t, "small", readData(r.t, server))
			require.NoError(r.t, server.Close())
			r.client.expect("150 send")
			r.finish()
			assert.NoError(r.t, r.endedTransfer().Err)
		})
	}
}

// The server may connect before it is known who the client's connection is from.
func TestSmallUploadOfUnknownOwnerIsStoredByServerThatConnects(t *testing.T) {
	for _, serverFirst := range []bool{true, false} {
		withGone(t, func(r *rig, gone *atomic.Bool) {
			at, client := r.activeGone(gone)
			var server net.Conn
			if serverFirst {
				server = r.serverDials(at)
				synctest.Wait()
				r.small(client, "small")
			} else {
				r.small(client, "small")
				server = r.serverDials(at)
			}
			r.server.send("150 send")
			assert.Equal(r.t, "small", readData(r.t, server))
			require.NoError(r.t, server.Close())
			r.client.expect("150 send")
			r.finish()
			assert.NoError(r.t, r.endedTransfer().Err)
		}, func(r *rig) { r.forwarder.ServerMode = Active })
	}
}

func TestTwoCandidatesAreRefusedThoughServerHasConnected(t *testing.T) {
	withGone(t, func(r *rig, gone *atomic.Bool) {
		at, client := r.activeGone(gone)
		server := r.serverDials(at)
		r.server.send("150 send")
		r.small(client, "one")
		r.small(client, "two")
		r.server.expect("ABOR")
		r.server.send("226 stored nothing", "225 nothing to abort")
		assert.Empty(r.t, readData(r.t, server))
		assert.Contains(r.t, r.client.receive(), "425 cannot open the data connection: two connections came")
		assert.ErrorIs(r.t, r.endedTransfer().Err, errTwoCandidates)
	}, func(r *rig) { r.forwarder.ServerMode = Active })
}

func TestCandidateIsDroppedForTrueOwner(t *testing.T) {
	withGone(t, func(r *rig, gone *atomic.Bool) {
		l, port := r.serverListener()
		at := r.epsv(port)
		gone.Store(true)
		r.small(at, "forged")
		gone.Store(false)
		client := r.clientDials(at)
		server := r.accept(l)
		r.startTransfer("STOR x")
		r.finishUpload(client, server)
		assert.NoError(r.t, r.endedTransfer().Err)
	})
}

func TestTwoCandidatesAreRefused(t *testing.T) {
	for _, commandFirst := range []bool{true, false} {
		withGone(t, func(r *rig, gone *atomic.Bool) {
			l, port := r.serverListener()
			at := r.epsv(port)
			gone.Store(true)
			if commandFirst {
				r.client.send("STOR x")
				r.server.expect("STOR x")
				r.server.send("150 send")
			}
			r.small(at, "one")
			r.small(at, "two")
			if !commandFirst {
				r.client.send("STOR x")
				assert.Contains(r.t, r.client.receive(), "425 ")
				r.server.expectNothing()
				return
			}
			began := time.Now()
			r.server.expect("ABOR")
			assert.Empty(r.t, readData(r.t, r.accept(l)), "the server is not left waiting")
			r.server.send("226 stored nothing", "225 nothing to abort")
			assert.Contains(r.t, r.client.receive(), "425 cannot open the data connection: two connections came")
			assert.Less(r.t, time.Since(began), 3*time.Second)
			r.client.send("NOOP")
			r.server.expect("NOOP")
			r.server.send("200 in step")
			r.client.expect("200 in step")
			assert.ErrorIs(r.t, r.endedTransfer().Err, errTwoCandidates)
		})
	}
}

func TestCandidateIsNoDownloader(t *testing.T) {
	withGone(t, func(r *rig, gone *atomic.Bool) {
		l, at := r.commandGone(gone, "RETR x")
		r.client.expect("150 here")
		r.small(at, "")
		r.server.expect("ABOR")
		assert.Empty(r.t, readData(r.t, r.accept(l)))
		r.server.send("426 aborted", "226 aborted")
		assert.Contains(r.t, r.client.receive(), "425 cannot open the data connection")
	})
}

func TestUploadOfImpostorIsAbortedWhenTrueOwnerComes(t *testing.T) {
	withGone(t, func(r *rig, gone *atomic.Bool) {
		l, at := r.commandGone(gone, "STOR x")
		r.small(at, "forged")
		server := r.accept(l)
		b := make([]byte, 6)
		_, err := io.ReadFull(server, b)
		require.NoError(r.t, err)
		gone.Store(false)
		requireReset(r.t, r.clientDials(at))
		r.client.expect("150 here")
		r.server.expect("ABOR")
		r.server.send("226 stored", "225 nothing to abort")
		assert.Contains(r.t, r.client.receive(), "426 transfer failed")
		assert.ErrorIs(r.t, r.endedTransfer().Err, errImpostor)
	})
}

// Such a client may have left altogether.
func TestSmallUploadOfUnknownOwnerIsStoredThoughClientHasLeft(t *testing.T) {
	withGone(t, func(r *rig, gone *atomic.Bool) {
		l, port := r.serverListener()
		at := r.epsv(port)
		gone.Store(true)
		r.client.send("STOR x")
		r.server.expect("STOR x")
		r.small(at, "small")
		require.NoError(r.t, r.client.conn.Close())
		r.server.send("150 send")
		server := r.accept(l)
		assert.Equal(r.t, "small", readData(r.t, server))
		r.server.expectNothing()
		require.NoError(r.t, server.Close())
		r.server.send("226 stored")
		r.server.expectEOF()
	})
}
