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

// begin sends a transfer command and its 150.
func (r *rig) begin(command string) {
	r.client.say(command)
	r.server.hear(command)
	r.server.say("150 here it comes")
	r.client.hear("150 here it comes")
}

func TestAPassiveDownloadArrives(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR a b.bin")
		data := strings.Repeat("data", 100_000)
		go func() { _, _ = io.WriteString(server, data); _ = server.Close() }()
		assert.Equal(t, data, readAll(t, client))
		require.NoError(t, client.Close())
		r.server.say("226 done")
		r.client.hear("226 done")

		tr := r.transfer()
		assert.EqualValues(t, 400_000, tr.Moved())
		tr.Moved = nil
		assert.Equal(t, Transfer{Number: 1, Command: "RETR", File: "a b.bin", Direction: Download, Type: "A", Mode: "S", Method: "EPSV", ServerMethod: "EPSV", Bytes: 400_000, Reply: 226, Duration: tr.Duration}, tr)
	})
}

func TestAPassiveUploadArrives(t *testing.T) {
	withRig(t, func(r *rig) {
		r.uploaded()
		r.client.hear("226 done")
		assert.EqualValues(t, 4, r.transfer().Bytes)
	})
}

func TestAnActiveDownloadArrives(t *testing.T) {
	withRig(t, func(r *rig) {
		l, heard := r.active()
		defer l.Close()
		r.begin("RETR x")
		server, err := r.far.DialContext(t.Context(), "tcp", heard)
		require.NoError(t, err)
		client := r.accept(l)
		write(t, server, "data")
		require.NoError(t, server.Close())
		assert.Equal(t, "data", readAll(t, client))
		r.server.say("226 done")
		r.client.hear("226 done")
		assert.Equal(t, "PORT", r.transfer().Method)
	})
}

func TestEPRTAndIPv6LoopbackAreRewrittenInKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l, err := r.near.Listen(t.Context(), "tcp", "[::1]:2121")
		require.NoError(t, err)
		go func() { _ = r.forwarder.Serve(t.Context(), l) }()
		conn, err := r.near.DialContext(t.Context(), "tcp", "[::1]:2121")
		require.NoError(t, err)
		r.client, r.server = newLine(t, "client", conn), newLine(t, "server", r.accept(r.serverListen))

		r.client.say("EPRT |2|::1|51200|")
		heard, err := parseExtended(strings.TrimPrefix(r.server.line(), "EPRT "))
		require.NoError(t, err)
		assert.Equal(t, netip.IPv6Loopback(), heard.Addr())
		assert.NotEqualValues(t, 51200, heard.Port())
		r.server.say("200 ok")
		r.client.hear("200 ok")

		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||200|)")
		heardReply := r.client.line()
		start, end := findExtendedPort(heardReply)
		_, err = r.near.DialContext(t.Context(), "tcp", "[::1]:"+heardReply[start:end])
		require.NoError(t, err, "the listener is where the client's control connection went")
		_ = l.Close()
		r.close()
	})
}

func TestTheServersPortIsDialledOnTheHostOfTheControlConnection(t *testing.T) {
	withRig(t, func(r *rig) {
		var dialled string
		r.far.Dialled = func(address string) error { dialled = address; return nil }
		l, err := r.far.Listen(t.Context(), "tcp", "127.0.0.1:51201")
		require.NoError(t, err)
		defer l.Close()
		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("227 Entering Passive Mode (10,9,8,7,200,1).") // 51201, on an address behind NAT
		heard := r.client.line()
		start, end := findHostPort(heard)
		c, err := r.near.DialContext(t.Context(), "tcp", hostPort(heard[start:end]).String())
		require.NoError(t, err)
		_ = r.accept(l)
		assert.Equal(t, "127.0.0.1:51201", dialled)
		assert.Equal(t, ForeignAddress, r.told(Warned)[0].Warning)
		assert.ErrorContains(t, r.told(Warned)[0].Err, "10.9.8.7")
		_ = c.Close()
	})
}

func TestAFinalReplyWaitsForItsData(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR big")
		data := strings.Repeat("x", 50_000) // fits in what is on the way
		write(t, server, data)
		require.NoError(t, server.Close())
		r.server.say("226 done")
		// The data waits in the client's own window; only what we still hold
		// holds the reply.
		assert.Equal(t, data, readAll(t, client))
		r.client.hear("226 done")
	})
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR big")
		data := strings.Repeat("x", 100_000) // more than the client's window
		go func() { _, _ = io.WriteString(server, data); _ = server.Close() }()
		synctest.Wait()
		r.server.say("226-done", "226 really", "200 next")
		r.client.silent()
		assert.Equal(t, data, readAll(t, client))
		r.client.hear("226-done", "226 really", "200 next")
	})
}

func TestAFinalReplyDoesNotWaitForTheClientsClose(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("LIST")
		require.NoError(t, server.Close())
		r.server.say("226 done")
		r.client.hear("226 done")
		assert.Empty(t, readAll(t, client))
	})
}

func TestAFinalReplyWaitsNoLongerThanNothingMoves(t *testing.T) {
	withRig(t, func(r *rig) {
		_, server := r.passive()
		r.begin("RETR stuck")
		go func() { _, _ = io.WriteString(server, strings.Repeat("x", 200_000)) }()
		synctest.Wait()
		r.server.say("226 done")
		began := time.Now()
		r.client.hear("226 done")
		assert.Equal(t, 2*dataAtMost, time.Since(began), "one minute with movement, one without")
	})
}

func TestASuccessWithoutDataWaitsForTheConnectionThatMustBeOnItsWay(t *testing.T) {
	withRig(t, func(r *rig) {
		l, heard := r.active()
		defer l.Close()
		r.begin("LIST")
		r.server.say("226 done")
		r.client.silent()
		server, err := r.far.DialContext(t.Context(), "tcp", heard)
		require.NoError(t, err)
		write(t, server, "data")
		require.NoError(t, server.Close())
		assert.Equal(t, "data", readAll(t, r.accept(l)))
		r.client.hear("226 done")
	})
}

func TestHalfClosesArePassedOnAtOnceAndApart(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR x")
		closeWriteOf(t, server)
		assert.Empty(t, readAll(t, client)) // ProFTPD waits for the close to come back before it says 226
		write(t, client, "late")
		require.NoError(t, client.Close())
		assert.Equal(t, "late", readAll(t, server))
		r.server.say("226 done")
		r.client.hear("226 done")
	})
}

func TestOneListenerServesSeveralTransfersOneAtATime(t *testing.T) {
	withRig(t, func(r *rig) {
		l, err := r.far.Listen(t.Context(), "tcp", "127.0.0.1:50000")
		require.NoError(t, err)
		defer l.Close()
		at := r.epsv("50000")
		for range 2 { // Pure-FTPd does
			client, err := r.near.DialContext(t.Context(), "tcp", at)
			require.NoError(t, err)
			server := r.accept(l)
			r.begin("RETR x")

			stranger, err := r.near.DialContext(t.Context(), "tcp", at)
			require.NoError(t, err)
			_, err = stranger.Read(make([]byte, 1))
			assert.ErrorIs(t, err, syscall.ECONNRESET, "a second connection at once is turned away")

			write(t, server, "data")
			require.NoError(t, server.Close())
			assert.Equal(t, "data", readAll(t, client), "and does not disturb the first")
			require.NoError(t, client.Close())
			r.server.say("226 done")
			r.client.hear("226 done")
		}
		assert.Len(t, r.ended(), 2)
	})
}

func TestADataConnectionFromAnotherAddressIsTurnedAway(t *testing.T) {
	withRig(t, func(r *rig) {
		at := r.epsv("50000")
		r.near.From = netip.MustParseAddr("127.0.0.9")
		c, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		assert.ErrorContains(t, r.told(Warned)[0].Err, "127.0.0.9")
	})
}

func TestAListenerGoesWhenTheNextIsGrantedAndNotBefore(t *testing.T) {
	withRig(t, func(r *rig) {
		l, _ := r.active()
		defer l.Close()
		listeners := func() int { synctest.Wait(); n, _ := r.far.Open(); return n - 1 }
		require.Equal(t, 1, listeners())
		r.client.say("PORT 127,0,0,1,200,1")
		_ = r.server.line()
		r.server.say("500 no")
		r.declines("EPRT", "EPRT", "EPSV", "PASV")
		r.client.hear("500 no")
		require.Equal(t, 1, listeners(), "the refused one is gone, the old one stays")
		_, server := r.passive()
		defer server.Close()
		require.Equal(t, 0, listeners(), "the last granted wins")
	})
}

func TestAListenerNobodyConnectsToIsClosed(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		_ = r.epsv("50000")
		synctest.Wait()
		n, _ := r.near.Open()
		require.Equal(t, 2, n)
		pass(r.forwarder.dataTimeout() + time.Second)
		synctest.Wait()
		n, _ = r.near.Open()
		assert.Equal(t, 1, n)
	})
}

func TestPipelinedTransfersGetTheirOwnData(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive() // from now on EPSV is known to work, and nothing waits for it
		_, _ = client.Close(), server.Close()
		for _, data := range []string{"one", "two"} {
			l, err := r.far.Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			r.client.say("CWD /", "EPSV", "RETR "+data)
			r.server.hear("CWD /", "EPSV", "RETR "+data)
			_, port, _ := net.SplitHostPort(l.Addr().String())
			r.server.say("250 ok", "229 ok (|||"+port+"|)")
			r.client.hear("250 ok")
			heard := r.client.line()
			start, end := findExtendedPort(heard)
			client, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:"+heard[start:end])
			require.NoError(t, err)
			server := r.accept(l)
			r.server.say("150 ok")
			write(t, server, data)
			require.NoError(t, server.Close())
			r.server.say("226 done")
			r.client.hear("150 ok", "226 done")
			assert.Equal(t, data, readAll(t, client))
			_ = client.Close()
			_ = l.Close()
		}
		for _, ended := range r.ended() {
			assert.NoError(t, ended.Err)
			assert.EqualValues(t, 3, ended.Bytes)
		}
	})
}

// Its end comes on another way than the reply, and may be late.
func TestAConnectionThatAFailedTransferHasUsedIsNotTheNextOnes(t *testing.T) {
	withRig(t, func(r *rig) {
		l, heard := r.active()
		defer l.Close()
		r.begin("RETR x")
		first, err := r.far.DialContext(t.Context(), "tcp", heard)
		require.NoError(t, err)
		_ = r.accept(l)
		r.server.say("551 disk error")
		r.client.hear("551 disk error")

		r.begin("STOR y")
		second, err := r.far.DialContext(t.Context(), "tcp", heard)
		require.NoError(t, err)
		client := r.accept(l)
		write(t, client, "data")
		require.NoError(t, client.Close())
		assert.Equal(t, "data", readAll(t, second))
		r.server.say("226 stored")
		r.client.hear("226 stored")
		_ = first.Close()
		_ = second.Close()
		require.Len(t, r.ended(), 2)
		assert.EqualValues(t, 4, r.ended()[1].Bytes)
	})
}
