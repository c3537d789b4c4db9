package ftpfwd

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// announce sends EPSV and a transfer command that the server announces at once,
// before the client connects: FileZilla Server and IIS do that. It returns the
// server's listener and the address that the client dials.
func (r *rig) announce(command string) (l net.Listener, at string) {
	r.t.Helper()
	l, port := r.serverListener()
	at = r.epsv(port)
	r.client.send(command)
	r.server.expect(command)
	r.server.send("150-here", " it", "150 comes")
	return l, at
}

func TestAnnouncementOfUploadWaitsForClientToConnect(t *testing.T) {
	withRig(t, func(r *rig) {
		l, at := r.announce("STOR x")
		r.client.expectNothing()
		client := r.clientDials(at)
		server := r.accept(l)
		r.client.expect("150-here", " it", "150 comes")
		r.finishUpload(client, server)
		require.NoError(r.t, r.endedTransfer().Err)
	})
}

func TestAnnouncementOfUploadIsSentToClientThatWaitsForIt(t *testing.T) {
	withRig(t, func(r *rig) {
		_, at := r.announce("STOR x")
		began := time.Now()
		r.client.expect("150-here", " it", "150 comes")
		assert.Equal(r.t, uploaderAtMost, time.Since(began))
		_ = r.clientDials(at)
	})
}

func TestAnnouncementOfDownloadIsSentAtOnce(t *testing.T) {
	withRig(t, func(r *rig) {
		r.announce("RETR x")
		began := time.Now()
		r.client.expect("150-here", " it", "150 comes")
		assert.Zero(r.t, time.Since(began))
	})
}

func TestRefusalOfUploadIsSentAtOnce(t *testing.T) {
	withRig(t, func(r *rig) {
		r.epsv(4000)
		r.client.send("STOR x")
		r.server.expect("STOR x")
		began := time.Now()
		r.server.send("550 no")
		r.client.expect("550 no")
		assert.Zero(r.t, time.Since(began))
	})
}
