package ftpfwd

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheReplyToABrokenUploadWaitsForItsTurn(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.client.say("REST 100", "STOR x")
		r.server.hear("REST 100", "STOR x")
		reset(client)
		r.server.hear("ABOR")
		r.client.silent()
		r.server.say("350 from 100", "150 go on", "426 aborted", "226 done")
		r.client.hear("350 from 100")
		assert.Contains(t, r.client.line(), "426 transfer failed")
		r.client.silent()
	})
}

func TestTheReplyToABrokenUploadIsNeverWithinAnother(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.client.say("STOR x")
		r.server.hear("STOR x")
		r.server.say("150-here")
		r.client.hear("150-here")
		reset(client)
		r.server.hear("ABOR")
		r.client.silent()
		r.server.say("150 go on")
		r.client.hear("150 go on")
		assert.Contains(t, r.client.line(), "426 transfer failed")
	})
}

func TestABrokenUploadDoesNotTakeTheRepliesOfOthers(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.begin("STOR x")
		r.client.say("DELE x", "EPSV", "RETR y")
		r.server.hear("DELE x", "EPSV", "RETR y")
		reset(client)
		r.server.hear("ABOR")
		assert.Contains(t, r.client.line(), "426 ")
		r.server.say("226 complete, it thinks", "250 deleted", "229 ok (|||4000|)", "150 y", "550 gone", "225 nothing to abort")
		r.client.hear("250 deleted")
		assert.Contains(t, r.client.line(), "229 ok")
		r.client.hear("150 y", "550 gone")
		r.client.silent()
	})
}

func TestNoCommandOfOursStandsWithinALine(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.begin("STOR x")
		r.client.raw("SITE " + strings.Repeat("x", 2000))
		synctest.Wait()
		reset(client)
		synctest.Wait()
		r.client.raw("yz\r\n")
		r.server.hear("SITE "+strings.Repeat("x", 2000)+"yz", "ABOR")
	})
}

func TestASuccessThatIsHeldForAClientOutOfReachFailsOnce(t *testing.T) {
	withRig(t, func(r *rig) {
		dialled := make(chan error)
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
		dialled <- errors.New("no route to host")
		assert.Contains(t, r.client.line(), "426 ")
		r.client.silent()
		r.transfer() // is the only one
	})
}

func TestNumbersInANameBeforeAPASVsAnswerAreNone(t *testing.T) {
	withRig(t, func(r *rig) {
		_, _ = r.passive() // so that EPSV is not waited for
		r.client.say("PWD", "EPSV")
		r.server.hear("PWD", "EPSV")
		r.server.say(`257 "/a (6,6,6,6,20,1)"`, "229 ok (|||51999|)")
		r.client.hear(`257 "/a (6,6,6,6,20,1)"`)
		assert.NotContains(t, r.client.line(), "51999")
	})
}

func TestAPORTBehindAnUnansweredEPSVKeepsItsListener(t *testing.T) {
	withRig(t, func(r *rig) {
		_, _ = r.passive()
		l, err := r.near.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		r.client.say("EPSV", "RETR x", "PORT "+formatHostPort(addrOf(l.Addr())))
		r.server.hear("EPSV", "RETR x")
		heard := r.server.line()
		r.server.say("229 ok (|||4000|)", "550 none", "200 PORT ok")
		assert.Contains(t, r.client.line(), "229 ok")
		r.client.hear("550 none", "200 PORT ok")
		at, err := parseHostPort(strings.TrimPrefix(heard, "PORT "))
		require.NoError(t, err)
		_, err = r.far.DialContext(t.Context(), "tcp", at.String())
		require.NoError(t, err)
		_ = r.accept(l)
	})
}

func TestAnUploadBehindRESTThatWasResetBeforeIsNotConfirmed(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		carry(t, client, server, "half of")
		reset(client)
		synctest.Wait()
		r.client.say("REST 100", "STOR x")
		r.server.hear("REST 100", "STOR x")
		r.server.say("350 from 100", "150 here", "226 stored")
		r.client.hear("350 from 100", "150 here")
		assert.Contains(t, r.client.line(), "426 transfer failed: the data connection to the client broke")
	})
}

func TestANewEPSVIsNotRefusedForAnOldOnesFailure(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		reset(client)
		synctest.Wait()
		r.client.say("EPSV", "RETR x")
		r.server.hear("EPSV", "RETR x")
	})
}

func TestAnABORThatGetsNoReplyOfItsOwnShiftsNoOther(t *testing.T) {
	withRig(t, func(r *rig) {
		_, server := r.passive()
		r.begin("STOR x")
		r.client.say("ABOR")
		r.server.hear("ABOR")
		_ = server.Close()
		r.server.say("426 aborted") // and that is all
		r.client.hear("426 aborted")
		l, err := r.near.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		r.client.say("PORT " + formatHostPort(addrOf(l.Addr())))
		r.declines("PORT", "EPRT", "EPRT")
		r.server.hear("EPSV")
	})
}

func TestOwnRepliesStandBeforeAReplyThatPassesThemOver(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("XYZZY", "AUTH TLS", "PASV")
		r.server.hear("XYZZY", "PASV")
		r.server.say("227-wait", "227 ok (127,0,0,1,20,1)") // XYZZY is never answered
		assert.Contains(t, r.client.line(), "534 AUTH")
		r.client.hear("227-wait")
		assert.Contains(t, r.client.line(), "227 ok")
	})
}

func TestAPASVBehindALongTransferIsStillTranslated(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR x")
		r.client.say("PASV", "NOOP") // PASV is not known to work here
		r.server.hear("PASV")
		pass(2 * openAtMost)
		r.server.silent()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_ = server.Close()
		r.server.say("226 done", "502 no")
		r.client.hear("226 done")
		r.server.hear("EPSV")
	})
}
