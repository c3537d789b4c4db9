package ftpfwd

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConnectedClientWaitsWhileNextMethodIsTried(t *testing.T) {
	withRig(t, func(r *rig) {
		r.refusePorts("4000")
		client := r.clientDials(r.epsv(4000))
		r.client.send("RETR x")
		server := r.accept(r.acceptPassive("PASV"))
		r.server.expect("RETR x")
		r.server.send("150 here it comes")
		r.client.expect("150 here it comes")
		r.finishDownload(server, client)
		tr := r.endedTransfer()
		assert.Equal(r.t, [2]string{"EPSV", "PASV"}, [2]string{tr.Method, tr.ServerMethod})
		assert.ErrorContains(r.t, r.events(Warned)[0].Err, "PASV is used in place of EPSV")
	})
}

func TestPORTReplacesPASVWhenServerPortsCannotBeDialled(t *testing.T) {
	withRig(t, func(r *rig) {
		r.refusePorts("4")
		r.client.send("PASV", "STOR x") // both before it connects
		r.server.expect("PASV")
		r.server.send(reply227(4000))
		client := r.clientDials(r.announced("227"))
		r.server.expect("EPSV")
		r.server.send(reply229(4001))
		at := r.acceptActive("PORT")
		r.server.expect("STOR x")
		server := r.serverDials(at)
		r.server.send("150 continue")
		r.client.expect("150 continue")
		r.finishUpload(client, server)
	})
}

func TestDialThatIsNotAnsweredLeavesTimeForOtherMethods(t *testing.T) {
	withRig(t, func(r *rig) {
		r.clientDials(r.epsv(4000))
		began := time.Now()
		r.server.expect("PASV")
		assert.Equal(r.t, retryDialAtMost, time.Since(began))
	}, func(r *rig) { r.forwarder.Remote = dialUnanswered{resolving{r.far}} })
	withRig(t, func(r *rig) {
		r.clientDials(r.epsv(4000))
		began := time.Now()
		r.client.send("RETR x")
		assert.Contains(r.t, r.client.receive(), "425 ")
		assert.Equal(r.t, r.forwarder.dialTimeout(), time.Since(began))
	}, func(r *rig) { r.forwarder.Remote, r.forwarder.ServerMode = dialUnanswered{resolving{r.far}}, Exact })
}

func TestPASVBehindLongTransferStillHasItsFallbacks(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		r.client.send("PASV", "NOOP") // PASV is not known to work here
		r.server.expect("PASV")
		advance(2 * openAtMost)
		r.server.expectNothing()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_ = server.Close()
		r.server.send("226 done", "502 no")
		r.client.expect("226 done")
		r.server.expect("EPSV")
	})
}

func TestRefusalOfLoginIsRelayed(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, refusal := range []string{"530 Please login", "503 Bad sequence", "421 Too many users", "534 Policy requires SSL."} {
			r.exchange("PASV", refusal)
			r.server.expectNothing()
		}
		r.client.send("PORT 127,0,0,1,200,1")
		_ = r.server.receive()
		r.server.send("530 Please login")
		r.client.expect("530 Please login")
	})
}

func TestClientReceivesRefusalOfItsOwnCommandWhenNoMethodWorks(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("502-Not here", "502 PASV is not known")
		r.refuse("EPSV", "PORT", "EPRT", "EPRT")
		r.client.expect("502 Not here")
		assert.Equal(r.t, "no data connection", r.events(Warned)[0].Text)
	})
}

func TestPORTReceives425WhenNoMethodWorks(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PORT 127,0,0,1,200,1", "NOOP")
		r.refuse("EPSV", "PASV")
		assert.Contains(r.t, r.client.receive(), "425 PORT refused: forbidden; ")
		r.server.expect("NOOP")
	}, func(r *rig) { r.forwarder.Remote = listenRefused{resolving{r.far}} })
}

func TestTransferIsRefusedWhenNoServerPortCanBeDialled(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("administratively prohibited") }
		client := r.clientDials(r.epsv(50000))
		r.refuse("PASV", "PORT", "EPRT", "EPRT")
		requireReset(r.t, client)
		r.client.send("RETR x")
		assert.Contains(r.t, r.client.receive(), "425 cannot open the data connection: administratively prohibited; the server refuses PASV: 502")
		r.server.expectNothing()
	})
}

// Otherwise the next transfer would begin at the mark of the REST.
func TestTransferBehindRESTIsRefusedByServerOnly(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("refused") }
		client := r.clientDials(r.epsv(50000))
		r.refuse("PASV", "PORT", "EPRT", "EPRT")
		_, err := client.Read(make([]byte, 1))
		require.Error(r.t, err)
		r.client.send("REST 100", "RETR x")
		r.server.expect("REST 100", "RETR x")
	})
}

// The client may connect after the server has given up. Another method does not
// help then.
func TestNoOtherMethodIsTriedAfterTransferCommand(t *testing.T) {
	withRig(t, func(r *rig) {
		at := r.epsv(4000) // no longer open
		r.startTransfer("STOR x")
		r.server.send("425 no connection")
		r.client.expect("425 no connection")
		requireReset(r.t, r.clientDials(at))
		r.server.expectNothing()
	})
}

func TestReplyToPathWithoutListenerKeepsItsPlace(t *testing.T) {
	withRig(t, func(r *rig) {
		r.passive() // EPSV is known to work now
		r.client.send("EPSV", "NOOP")
		r.server.expect("EPSV", "NOOP")
		r.server.send(reply229(4000), "200 ok")
		assert.True(r.t, strings.HasPrefix(r.client.receive(), "425 EPSV refused: cannot listen for the client"))
		r.client.expect("200 ok")
	}, func(r *rig) { r.forwarder.Local = &listenBounded{r.near, 1} })
}

func TestReplyToClosedPathKeepsItsPlace(t *testing.T) {
	withRig(t, func(r *rig) {
		for range maxPaths + 2 {
			r.client.send("PORT 127,0,0,1,200,1")
			assert.Contains(r.t, r.server.receive(), "PORT ")
			advance(openAtMost)
		}
		r.server.send("200 late", "500 no")
		r.client.expect("425 PORT refused: the server's reply came too late", "500 no")
	}, exactMode)
}
