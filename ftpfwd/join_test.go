package ftpfwd

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPassiveDownload(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR a b.bin")
		data := strings.Repeat("data", 100_000)
		go func() { _, _ = io.WriteString(server, data); _ = server.Close() }()
		assert.Equal(r.t, data, readData(r.t, client))
		require.NoError(r.t, client.Close())
		r.finish()

		tr := r.endedTransfer()
		assert.EqualValues(r.t, 400_000, tr.Moved())
		tr.Moved = nil
		assert.Equal(r.t, Transfer{Number: 1, Command: "RETR", File: "a b.bin", Direction: Download, Type: "A", Mode: "S", Method: "EPSV", ServerMethod: "EPSV", Bytes: 400_000, Reply: 226, Duration: tr.Duration}, tr)
	})
}

func TestPassiveUpload(t *testing.T) {
	withRig(t, func(r *rig) {
		r.upload()
		r.client.expect("226 done")
		assert.EqualValues(r.t, 4, r.endedTransfer().Bytes)
	})
}

func TestActiveDownload(t *testing.T) {
	withRig(t, func(r *rig) {
		l, at := r.active()
		r.startTransfer("RETR x")
		server := r.serverDials(at)
		r.finishDownload(server, r.accept(l))
		assert.Equal(r.t, "PORT", r.endedTransfer().Method)
	})
}

func TestHalfClosesArePassedOnSeparately(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		halfClose(r.t, server)
		assert.Empty(r.t, readData(r.t, client)) // ProFTPD waits for the client's close before it sends the 226
		writeData(r.t, client, "late")
		require.NoError(r.t, client.Close())
		assert.Equal(r.t, "late", readData(r.t, server))
		r.finish()
	})
}

func TestDataConnectionFromAnotherHostIsReset(t *testing.T) {
	withRig(t, func(r *rig) {
		at := r.epsv(50000)
		r.near.From = netip.MustParseAddr("127.0.0.9")
		requireReset(r.t, r.clientDials(at))
		assert.ErrorContains(r.t, r.events(Warned)[0].Err, "127.0.0.9")
	})
}

func TestRemoteListenerAcceptsServerOnly(t *testing.T) {
	withRig(t, func(r *rig) {
		l, at := r.active()
		r.far.From = netip.MustParseAddr("10.0.0.7")
		_, err := r.serverDials(at).Read(make([]byte, 1))
		assert.Error(r.t, err)
		assert.ErrorContains(r.t, r.events(Warned)[0].Err, "10.0.0.7")

		r.far.From = netip.Addr{}
		server := r.serverDials(at)
		r.startTransfer("RETR f")
		sendData(r.t, server, r.accept(l), "data")
	})
}

func TestDownloadIsResetWhenTunnelFails(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		sendData(r.t, server, client, "half of")
		r.far.Fail(errLost)
		requireReset(r.t, client)
		assert.Contains(r.t, r.client.receive(), "421 ")
		r.client.expectEOF()
		assert.ErrorIs(r.t, r.endedTransfer().Err, errLost)
	})
}

func TestSuccessIsReplacedWhenDataConnectionFails(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		sendData(r.t, server, client, "half of")
		require.NoError(r.t, server.(interface{ Fail(error) error }).Fail(errLost))
		requireReset(r.t, client)
		r.server.send("226-all is", " well", "226 done", "200 next")
		assert.Contains(r.t, r.client.receive(), "426 transfer failed: the data connection to the server broke")
		r.client.expect("200 next")
		assert.Equal(r.t, Server, r.endedTransfer().Blame)
	})
}

func TestTransferFailsWhenActiveClientRefusesConnection(t *testing.T) {
	for _, command := range []string{"RETR x", "STOR x"} {
		withRig(t, func(r *rig) {
			l, at := r.active()
			_ = l.Close()
			r.startTransfer(command)
			server := r.serverDials(at)
			if command == "STOR x" {
				r.server.expect("ABOR") // before the end of data
				r.server.send("426 aborted", "226 done")
			}
			_, _ = io.ReadAll(server)
			if command == "RETR x" {
				r.server.send("226 done")
			}
			assert.Contains(r.t, r.client.receive(), "426 transfer failed: the data connection to the client broke")
			tr := r.endedTransfer()
			assert.Equal(r.t, Client, tr.Blame)
			assert.ErrorIs(r.t, tr.Err, syscall.ECONNREFUSED)
		})
	}
}

// A server may send all of a small file, and close, before it announces it.
func TestDataThatEndsBeforeIts150Arrives(t *testing.T) {
	for _, mode := range []string{"passive", "active"} {
		t.Run(mode, func(t *testing.T) {
			withRig(t, func(r *rig) {
				var client, server net.Conn
				if mode == "passive" {
					client, server = r.passive()
				} else {
					l, at := r.active()
					server, client = r.serverDials(at), r.accept(l)
				}
				r.client.send("RETR x")
				r.server.expect("RETR x")
				r.moveData(server, client)
				r.server.send("150 here it comes", "226 done")
				r.client.expect("150 here it comes", "226 done")
				tr := r.endedTransfer()
				assert.NoError(r.t, tr.Err)
				assert.EqualValues(r.t, 4, tr.Bytes)
			})
		})
	}
}

// The client is dialled at the 150. By then the data has ended.
func TestDataThatEndsBeforeIts150WaitsForActiveClient(t *testing.T) {
	withRig(t, func(r *rig) {
		l, hostPort := r.clientListener()
		r.client.send("PORT " + hostPort)
		server := r.accept(r.acceptPassive("EPSV"))
		r.client.expect("200 PORT command successful")
		r.client.send("RETR x")
		r.server.expect("RETR x")
		writeData(r.t, server, "data")
		require.NoError(r.t, server.Close())
		dialled := make(chan error)
		r.near.Dialled = func(string) error { return <-dialled }
		r.server.send("150 here it comes", "226 done")
		r.client.expect("150 here it comes")
		r.client.expectNothing()
		dialled <- nil
		client := r.accept(l)
		assert.Equal(r.t, "data", readData(r.t, client))
		require.NoError(r.t, client.Close())
		r.client.expect("226 done")
		assert.EqualValues(r.t, 4, r.endedTransfer().Bytes)
	}, func(r *rig) { r.forwarder.ServerMode = Passive })
}

// Some servers refuse a transfer command for which no connection is there, and
// directly the client's would be.
func TestTransferCommandWaitsForServersEndOfClientsConnection(t *testing.T) {
	withRig(t, func(r *rig) {
		permit := make(chan struct{}, 1)
		r.far.Dialled = func(string) error { <-permit; return nil }
		for range 3 { // also when the method is known to work
			l, port := r.serverListener()
			client := r.clientDials(r.epsv(port))
			r.client.send("RETR x")
			r.server.expectNothing()
			permit <- struct{}{}
			r.server.expect("RETR x")
			server := r.accept(l)
			r.server.send("150 here")
			r.client.expect("150 here")
			r.finishDownload(server, client)
		}
	})
}

// A connection that the client has made may not be with the session yet.
func TestTransferCommandWaitsForConnectionThatIsBeingAccepted(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		r.finishDownload(server, client)
		r.epsv(4000)
		r.client.send("RETR x")
		r.server.expectNothing()
		began := time.Now()
		r.server.expect("RETR x")
		assert.Equal(r.t, acceptAtMost, time.Since(began))
	})
}

// pyftpdlib connects at once when it receives PORT, and takes no data before the
// command that it is for.
func TestUploadDoesNotReachServerBeforeItsCommand(t *testing.T) {
	withRig(t, func(r *rig) {
		l, at := r.active()
		server := r.serverDials(at)
		client := r.accept(l)
		writeData(r.t, client, "data")
		synctest.Wait()
		assert.Zero(r.t, server.(interface{ Buffered() int }).Buffered())
		r.startTransfer("STOR x")
		require.NoError(r.t, client.Close())
		assert.Equal(r.t, "data", readData(r.t, server))
		r.finish()
	})
}

// Nor its end: an empty file has no more.
func TestEmptyUploadDoesNotEndBeforeServerHasAnnouncedIt(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		require.NoError(r.t, client.Close())
		r.client.send("STOR empty")
		r.server.expect("STOR empty")
		assertOpen(r.t, server)
		r.server.send("150 send")
		r.client.expect("150 send")
		assert.Empty(r.t, readData(r.t, server))
		require.NoError(r.t, server.Close())
		r.finish()
	})
}

// Some servers announce nothing.
func TestUploadWaitsAMomentForItsAnnouncement(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.client.send("STOR x")
		r.server.expect("STOR x")
		began := time.Now()
		sendData(r.t, client, server, "data")
		assert.Equal(r.t, startAtMost, time.Since(began))
	})
}

// A server may know commands that move data and are not known here.
func TestDataOfUnknownCommandMoves(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.exchange("XSTOR x", "150 send")
		r.moveData(client, server)
		r.finish()
	})
}
