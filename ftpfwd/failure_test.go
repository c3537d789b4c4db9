package ftpfwd

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

func TestAnUploadThatTheClientResetsIsNeverConfirmed(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("STOR x")
		carry(t, client, server, "half of")
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
		assert.Equal(t, Client, tr.Blame)
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

func TestAnUploadThatEndsBecauseItsClientHasLeftFailsAtTheClient(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("STOR x")
		write(t, client, "half")
		require.NoError(t, r.client.conn.Close())
		_, err := server.Read(make([]byte, 4))
		require.NoError(t, err)
		r.server.over()
		require.NoError(t, server.Close())
		write(t, client, "more")
		pass(time.Millisecond) // it cannot be delivered
		require.NoError(t, r.server.conn.Close())
		tr := r.transfer()
		assert.ErrorIs(t, tr.Err, errGone)
		assert.Equal(t, Client, tr.Blame)
	})
}

func TestTheAnswerToOurABORIsAwaitedBehindLateOthers(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.begin("STOR x")
		r.client.say("SITE SLOW")
		r.server.hear("SITE SLOW")
		write(t, client, "half")
		reset(client)
		r.server.hear("ABOR")
		r.server.say("226 stored")
		pass(3*abortQuiet - abortQuiet/10)
		r.server.say("200 slow")
		pass(abortQuiet / 2)
		r.server.say("226 abort")
		assert.Contains(t, r.client.line(), "426 ")
		r.client.hear("200 slow")
		r.client.say("NOOP")
		r.server.hear("NOOP")
		r.server.say("200 noop")
		r.client.hear("200 noop")
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
		assert.Equal(t, Client, r.transfer().Blame)
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
		carry(t, server, client, "half of")
		r.far.Fail(errLost)
		_, err := client.Read(make([]byte, 1))
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
		carry(t, server, client, "half of")
		require.NoError(t, server.(interface{ Fail(error) error }).Fail(errLost))
		_, err := client.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		r.server.say("226-all is", " well", "226 done", "200 next")
		assert.Contains(t, r.client.line(), "426 transfer failed: the data connection to the server broke")
		r.client.hear("200 next")
		assert.Equal(t, Server, r.transfer().Blame)
	})
}

func TestARefusedServerPortResetsTheClientAndTheNextTransferIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("administratively prohibited") }
		at := r.epsv("50000")
		client, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		r.declines("PASV", "PORT", "EPRT", "EPRT")
		_, err = client.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		r.client.say("RETR x")
		assert.Contains(t, r.client.line(), "425 cannot open the data connection: administratively prohibited; the server refuses PASV: 502")
		r.server.silent()
	})
}

// Its client may come when the server has given up; another way is of no use then.
func TestNoOtherWayIsTriedBehindATransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		at := r.epsv("4000") // nobody listens there any more
		r.begin("STOR x")
		r.server.say("425 nobody came")
		r.client.hear("425 nobody came")
		client, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		r.server.silent()
	})
}

func TestATransferBehindRESTIsAlwaysTheServersToRefuse(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("refused") }
		at := r.epsv("50000")
		client, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		r.declines("PASV", "PORT", "EPRT", "EPRT")
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
			assert.Equal(t, Client, tr.Blame)
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

func TestAServerThatAnABORKillsIsToldToTheClient(t *testing.T) {
	withRig(t, func(r *rig) {
		_, server := r.passive()
		r.begin("RETR x")
		r.client.say("ABOR")
		r.server.hear("ABOR")
		require.NoError(t, r.server.conn.Close())
		require.NoError(t, server.Close())
		r.client.hear("421 the FTP server ended the session when its transfer was aborted")
		r.client.over()
		assert.Error(t, r.transfer().Err)
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
