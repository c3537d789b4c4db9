package ftpfwd

import (
	"errors"
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

// retr sends RETR and its 150.
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
		assert.Equal(t, Transfer{Command: "RETR", File: "a b.bin", Direction: Download, Mode: "EPSV", Bytes: 400_000, Reply: 226, Duration: tr.Duration}, tr)
	})
}

func TestAPassiveUploadArrives(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("STOR up")
		write(t, client, "data")
		require.NoError(t, client.Close())
		assert.Equal(t, "data", readAll(t, server))
		require.NoError(t, server.Close())
		r.server.say("226 done")
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
		assert.Equal(t, "PORT", r.transfer().Mode)
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
		assert.Contains(t, r.told(Noticed)[0].Text, "10.9.8.7")
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
		assert.Equal(t, 2*heldAtMost, time.Since(began), "one minute with movement, one without")
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

func TestASuccessWhoseDataNeverComesIsAFailure(t *testing.T) {
	withRig(t, func(r *rig) {
		l, _ := r.active()
		defer l.Close()
		r.begin("STOR x")
		r.server.say("226 done") // as where the gateway could not hand the connection on
		assert.Contains(t, r.client.line(), "426 transfer failed")
		assert.ErrorIs(t, r.transfer().Err, errNoData)
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

func TestAnUploadThatTheClientResetsIsNeverConfirmed(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("STOR x")
		write(t, client, "half of")
		b := make([]byte, 7)
		_, err := io.ReadFull(server, b)
		require.NoError(t, err)
		reset(client)
		r.server.hear("ABOR") // before the data ends
		require.Zero(t, server.(interface{ Buffered() int }).Buffered())
		assert.Contains(t, r.client.line(), "426 transfer failed: the data connection to the client broke; the file on the server is not complete")

		r.client.say("NOOP") // waits until the server has said what it had to
		r.server.say("426 aborted")
		assert.Empty(t, readAll(t, server))
		r.server.say("226 done")
		r.server.hear("NOOP")
		r.server.say("200 fine")
		r.client.hear("200 fine")
		tr := r.transfer()
		assert.Equal(t, "client", tr.Leg)
		assert.ErrorIs(t, tr.Err, syscall.ECONNRESET)
		assert.Equal(t, 426, tr.Reply)
	})
}

func TestCommandsSentBeforeAnUploadIsResetGetTheirReplies(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.begin("STOR x")
		r.client.say("NOOP", "SYST")
		r.server.hear("NOOP", "SYST")
		reset(client)
		r.server.hear("ABOR")
		assert.Contains(t, r.client.line(), "426 ")
		r.server.say("226 complete, it thinks", "200 fine", "215-UNIX", "215 really", "225 nothing to abort")
		r.client.hear("200 fine", "215-UNIX", "215 really")
		r.client.say("PWD")
		r.server.hear("PWD")
		r.server.say("257 here")
		r.client.hear("257 here")
	})
}

func TestAnABORAndAResetOfTheClientsOwnGetBothReplies(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("STOR x")
		r.client.raw("\xff\xf4\xff\xf2ABOR\r\n")
		r.server.hear("ABOR")
		reset(client)
		synctest.Wait() // the server says this only when its data has ended
		r.server.say("226 complete, it thinks", "226 aborted")
		assert.Contains(t, r.client.line(), "426 ")
		r.client.hear("226 aborted")
		assert.Empty(t, readAll(t, server))
		assert.Equal(t, "client", r.transfer().Leg)
	})
}

func TestAServerThatDoesNotAnswerABORGetsItsEndOfDataAfterAWhile(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("STOR x")
		began := time.Now()
		reset(client)
		assert.Contains(t, r.client.line(), "426 ")
		assert.Empty(t, readAll(t, server))
		assert.Equal(t, abortAnswer, time.Since(began))
		r.server.hear("ABOR")
		r.server.say("226 Transfer complete", "225 nothing to abort") // a lie, and one more
		r.client.say("NOOP")
		r.server.hear("NOOP")
		r.server.say("200 fine")
		r.client.hear("200 fine")
	})
}

func TestADownloadThatTheTunnelLosesIsResetAndNotEnded(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR x")
		write(t, server, "half of")
		b := make([]byte, 7)
		_, err := io.ReadFull(client, b)
		require.NoError(t, err)
		r.far.Fail(errLost)
		_, err = client.Read(b)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		assert.Contains(t, r.client.line(), "421 ")
		r.client.over()
		assert.ErrorIs(t, r.transfer().Err, errLost)
	})
}

func TestADataConnectionThatFailsAloneWithholdsTheSuccess(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR x")
		write(t, server, "half of")
		b := make([]byte, 7)
		_, err := io.ReadFull(client, b)
		require.NoError(t, err)
		require.NoError(t, server.(interface{ Fail(error) error }).Fail(errLost))
		_, err = client.Read(b)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		r.server.say("226-all is", " well", "226 done", "200 next")
		assert.Contains(t, r.client.line(), "426 transfer failed: the data connection to the server broke")
		r.client.hear("200 next")
		assert.Equal(t, "server", r.transfer().Leg)
	})
}

func TestARefusedServerPortResetsTheClientAndTheNextTransferIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("administratively prohibited") }
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||50000|)")
		heard := r.client.line()
		start, end := findExtendedPort(heard)
		client, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:"+heard[start:end])
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		r.client.say("RETR x")
		assert.Equal(t, "425 cannot open the data connection: administratively prohibited", r.client.line())
		r.server.silent()
	})
}

func TestATransferBehindRESTIsAlwaysTheServersToRefuse(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("refused") }
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||50000|)")
		heard := r.client.line()
		start, end := findExtendedPort(heard)
		client, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:"+heard[start:end])
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		require.Error(t, err)
		r.client.say("REST 100", "RETR x")
		r.server.hear("REST 100", "RETR x") // or it would begin the next one at 100
	})
}

func TestAnActiveClientThatRefusesIsNeverAnEmptyFile(t *testing.T) {
	for _, command := range []string{"RETR x", "STOR x"} {
		withRig(t, func(r *rig) {
			l, heard := r.active()
			_ = l.Close() // the client does not listen
			r.begin(command)
			server, err := r.far.DialContext(t.Context(), "tcp", heard)
			require.NoError(t, err)
			if command == "STOR x" {
				r.server.hear("ABOR") // before the end of data
				r.server.say("426 aborted", "226 done")
			}
			_, _ = io.ReadAll(server)
			if command == "RETR x" {
				r.server.say("226 done")
			}
			assert.Contains(t, r.client.line(), "426 transfer failed: the data connection to the client broke")
			tr := r.transfer()
			assert.Equal(t, "client", tr.Leg)
			assert.ErrorIs(t, tr.Err, syscall.ECONNREFUSED)
		})
	}
}

func TestASuccessWaitsUntilTheClientIsReached(t *testing.T) {
	dialled := make(chan error)
	withRig(t, func(r *rig) {
		l, heard := r.active()
		defer l.Close()
		r.begin("STOR x")
		r.near.Dialled = func(string) error { return <-dialled }
		server, err := r.far.DialContext(t.Context(), "tcp", heard)
		require.NoError(t, err)
		require.NoError(t, server.Close())
		synctest.Wait()
		r.server.say("226 an empty file")
		r.client.silent()
		go func() { dialled <- errors.New("no route to host") }()
		assert.Contains(t, r.client.line(), "426 ")
	}, func(*rig) { dialled = make(chan error) })
}

func TestOneListenerServesSeveralTransfersOneAtATime(t *testing.T) {
	withRig(t, func(r *rig) {
		l, err := r.far.Listen(t.Context(), "tcp", "127.0.0.1:50000")
		require.NoError(t, err)
		defer l.Close()
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||50000|)")
		heard := r.client.line()
		start, end := findExtendedPort(heard)
		at := "127.0.0.1:" + heard[start:end]
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
		assert.Len(t, r.told(TransferEnded), 2)
	})
}

func TestADataConnectionFromAnotherAddressIsTurnedAway(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||50000|)")
		heard := r.client.line()
		start, end := findExtendedPort(heard)
		r.near.From = netip.MustParseAddr("127.0.0.9")
		c, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:"+heard[start:end])
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		assert.Contains(t, r.told(Noticed)[0].Text, "127.0.0.9")
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
		r.client.hear("500 no")
		require.Equal(t, 1, listeners(), "the refused one is gone, the old one stays")
		_, server := r.passive()
		defer server.Close()
		require.Equal(t, 0, listeners(), "the last granted wins")
	})
}

func TestAListenerNobodyConnectsToIsClosed(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||50000|)")
		_ = r.client.line()
		synctest.Wait()
		n, _ := r.near.Open()
		require.Equal(t, 2, n)
		pass(r.forwarder.dataTimeout() + time.Second)
		synctest.Wait()
		n, _ = r.near.Open()
		assert.Equal(t, 1, n)
	})
}

func TestAnAbortedDownloadDoesNotWaitForTheWholeFile(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR endless")
		sent := make(chan error, 1)
		go func() {
			for {
				if _, err := io.WriteString(server, "more"); err != nil {
					sent <- err // what makes a server look at its control connection
					return
				}
				pass(time.Millisecond)
			}
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		pass(time.Second)
		r.client.raw("\xff\xf4\xff\xf2ABOR\r\n")
		r.server.hear("ABOR")
		require.Error(t, <-sent)
		r.server.say("426 failure writing", "226 ABOR successful")
		r.client.hear("426 failure writing", "226 ABOR successful")
	})
}

func TestPipelinedTransfersGetTheirOwnData(t *testing.T) {
	withRig(t, func(r *rig) {
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
		for _, e := range r.told(TransferEnded) {
			assert.NoError(t, e.Transfer.Err)
			assert.EqualValues(t, 3, e.Transfer.Bytes)
		}
	})
}

func TestADrainingSessionFinishesWhatItMoves(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("STOR x")
		write(t, client, "data")
		r.stop()
		r.client.silent()
		require.NoError(t, client.Close())
		assert.Equal(t, "data", readAll(t, server))
		require.NoError(t, server.Close())
		r.server.say("226 done")
		r.client.hear("226 done", "421 the tunnel is shutting down")
	}, func(r *rig) { r.forwarder.DrainTimeout = time.Hour })
}
