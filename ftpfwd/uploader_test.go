package ftpfwd

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// announced does EPSV and a transfer command that the server announces at once, and
// returns the server's listener and where the client is to connect.
func (r *rig) announced(command string) (l net.Listener, at string) {
	l, port := r.serverData()
	at = r.epsv(fmt.Sprint(port))
	r.client.say(command)
	r.server.hear(command)
	r.server.say("150-here", " it", "150 comes")
	return l, at
}

// FileZilla Server and IIS announce a transfer before a client has connected.
func TestAnUploadIsAnnouncedWhenItsClientHasBeenLookedAt(t *testing.T) {
	withRig(t, func(r *rig) {
		l, at := r.announced("STOR x")
		r.client.silent()
		client, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		server := r.accept(l)
		r.client.hear("150-here", " it", "150 comes")
		write(t, client, "data")
		require.NoError(t, client.Close())
		assert.Equal(t, "data", readAll(t, server))
		require.NoError(t, server.Close())
		r.server.say("226 done")
		r.client.hear("226 done")
		require.NoError(t, r.transfer().Err)
	})
}

func TestAnUploadIsAnnouncedInTheEndToAClientThatWaitsForIt(t *testing.T) {
	withRig(t, func(r *rig) {
		_, at := r.announced("STOR x")
		began := time.Now()
		r.client.hear("150-here", " it", "150 comes")
		assert.Equal(t, uploaderAtMost, time.Since(began))
		_, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
	})
}

func TestADownloadIsAnnouncedAtOnce(t *testing.T) {
	withRig(t, func(r *rig) {
		r.announced("RETR x")
		began := time.Now()
		r.client.hear("150-here", " it", "150 comes")
		assert.Zero(t, time.Since(began))
	})
}

func TestARefusalOfAnUploadWaitsForNobody(t *testing.T) {
	withRig(t, func(r *rig) {
		r.epsv("4000")
		r.client.say("STOR x")
		r.server.hear("STOR x")
		began := time.Now()
		r.server.say("550 no")
		r.client.hear("550 no")
		assert.Zero(t, time.Since(began))
	})
}
