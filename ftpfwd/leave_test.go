package ftpfwd

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A client has written a whole file and its end. The forwarder has most of that
// still to read when the control connection ends.
func TestUploadIsCarriedToItsEndThoughClientLeaves(t *testing.T) {
	for name, leave := range map[string]func(r *rig){
		"closes":         func(r *rig) { require.NoError(r.t, r.client.conn.Close()) },
		"resets":         func(r *rig) { reset(r.client.conn) },
		"quits, closes":  func(r *rig) { r.client.send("QUIT"); require.NoError(r.t, r.client.conn.Close()) },
		"quits, resets":  func(r *rig) { r.client.send("QUIT"); synctest.Wait(); reset(r.client.conn) },
		"half-closes":    func(r *rig) { halfClose(r.t, r.client.conn) },
		"quits, remains": func(r *rig) { r.client.send("QUIT") },
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				client, server := r.passive()
				r.startTransfer("STOR x")
				data := strings.Repeat("x", 300_000)
				go func() { _, _ = io.WriteString(client, data); _ = client.Close() }()
				synctest.Wait() // the server does not read yet
				leave(r)
				synctest.Wait()
				r.server.expectNothing()
				assert.Len(r.t, readData(r.t, server), len(data), "before the end of the control connection")
				require.NoError(r.t, server.Close())
				r.server.send("226 stored")
				if name == "quits, remains" {
					r.server.expect("QUIT")
					r.server.send("221 bye")
				}
				require.NoError(r.t, r.server.conn.Close())
				ended := r.endedTransfer()
				if name == "quits, remains" {
					assert.NoError(r.t, ended.Err)
				}
				assert.EqualValues(r.t, len(data), ended.Bytes)
			})
		})
	}
}

// The server must not take the end of the data for the end of the file.
func TestUploadThatStandsStillIsAbortedWhenItsClientHasLeft(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(r *rig)
		limit time.Duration
	}{
		"closes": {func(r *rig) { require.NoError(r.t, r.client.conn.Close()) }, lingerAtMost},
		"resets": {func(r *rig) { reset(r.client.conn) }, leaveAtMost},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				client, server := r.passive()
				r.startTransfer("STOR x")
				sendData(r.t, client, server, "half")
				c.leave(r)
				began := time.Now()
				r.server.expect("ABOR")
				assert.InDelta(r.t, c.limit, time.Since(began), float64(time.Second))
				assertOpen(r.t, server)
				r.server.send("426 aborted", "226 aborted")
				requireReset(r.t, client)
				assert.Empty(r.t, readData(r.t, server))
				r.server.expectEOF()
				ended := r.endedTransfer()
				assert.Error(r.t, ended.Err)
				assert.Equal(r.t, Client, ended.Blame)
			})
		})
	}
}

func TestUploadWhoseConnectionsAreBothResetIsAbortedFirst(t *testing.T) {
	for _, controlFirst := range []bool{true, false} {
		withRig(t, func(r *rig) {
			client, server := r.passive()
			r.startTransfer("STOR x")
			sendData(r.t, client, server, "half")
			if controlFirst {
				reset(r.client.conn)
				synctest.Wait()
				reset(client)
			} else {
				reset(client)
				reset(r.client.conn)
			}
			r.server.expect("ABOR")
			assertOpen(r.t, server)
			r.server.send("426 aborted")
			assert.Empty(r.t, readData(r.t, server))
			r.server.send("226 aborted")
			r.server.expectEOF()
			assert.Equal(r.t, Client, r.endedTransfer().Blame)
		})
	}
}

// As when the program is stopped.
func TestUploadThatIsGivenUpIsAbortedBeforeItsDataEnds(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		sendData(r.t, client, server, "half")
		r.stop()
		r.client.expect("421 the tunnel is shutting down")
		requireReset(r.t, client)
		r.server.expect("ABOR")
		r.server.expectEOF()
		assertOpen(r.t, server)
		require.NoError(r.t, r.client.conn.Close())
		began := time.Now()
		assert.Empty(r.t, readData(r.t, server))
		assert.LessOrEqual(r.t, time.Since(began), partAtMost)
	})
}

func TestQUITWaitsOnlyWhileUploadMoves(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		sendData(r.t, client, server, "some")
		r.client.send("QUIT")
		for range 5 {
			advance(quitAtMost / 2)
			sendData(r.t, client, server, "more")
			r.server.expectNothing()
		}
		began := time.Now()
		r.server.expect("QUIT")
		assert.InDelta(r.t, quitAtMost, time.Since(began), float64(quitAtMost))
	})
}

// assertOpen checks that nothing has arrived at c, not even an end.
func assertOpen(t *testing.T, c io.Reader) {
	t.Helper()
	synctest.Wait()
	assert.False(t, c.(interface{ Ended() bool }).Ended(), "the connection has ended")
}

// An active client may have accepted its connection, and sent all, before the dial
// has returned.
func TestUploadIsCarriedThoughActiveClientClosesAllAtOnce(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"closes": func(r *rig) { require.NoError(r.t, r.client.conn.Close()) },
		"resets": func(r *rig) { reset(r.client.conn) },
		"quits":  func(r *rig) { r.client.send("QUIT"); require.NoError(r.t, r.client.conn.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			var permit chan struct{}
			withRig(t, func(r *rig) {
				l, at := r.active()
				r.client.send("STOR x")
				r.server.expect("STOR x")
				server := r.serverDials(at)
				r.server.send("150 here")
				client := r.accept(l)
				writeData(r.t, client, "all of it")
				require.NoError(r.t, client.Close())
				end(r)
				synctest.Wait()
				r.server.expectNothing()
				assert.False(r.t, r.server.conn.(interface{ Ended() bool }).Ended(), "the control connection's end overtakes the data")
				close(permit)
				assert.Equal(r.t, "all of it", readData(r.t, server))
				require.NoError(r.t, server.Close())
			}, func(r *rig) {
				permit = make(chan struct{})
				r.forwarder.Local = dialReturnsLate{r.near, permit}
			})
		})
	}
}

// The end of the control connection is here before the owner of the data's is known.
func TestUploadIsCarriedThoughClientClosesAllAtOnce(t *testing.T) {
	for name, end := range map[string]func(net.Conn){"closes": func(c net.Conn) { _ = c.Close() }, "resets": reset} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				l, port := r.serverListener()
				at := r.epsv(port)
				r.client.send("STOR x")
				r.server.expect("STOR x")
				client := r.clientDials(at)
				writeData(r.t, client, "all of it")
				require.NoError(r.t, client.Close())
				end(r.client.conn)
				synctest.Wait()
				assert.False(r.t, r.server.conn.(interface{ Ended() bool }).Ended(), "the control connection's end overtakes the data")
				require.Empty(r.t, r.events(SessionClosed), "the upload is lost")
				r.server.send("150 here")
				server := r.accept(l)
				assert.Equal(r.t, "all of it", readData(r.t, server))
				require.NoError(r.t, server.Close())
			})
		})
	}
}
