package ftpfwd

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// throughGateway gives the route to the server a name.
func throughGateway(r *rig) {
	r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
		conn, err := resolving{r.far}.DialContext(ctx, "tcp", server)
		return Route{Conn: conn, Network: resolving{r.far}, Gateway: "gw"}, err
	}
}

// A log has lines of all ports.
func TestSessionsOfDifferentForwardersHaveDifferentNumbers(t *testing.T) {
	numbers := map[int64]bool{}
	for range 2 {
		withRig(t, func(r *rig) {
			opened := r.events(SessionOpened)
			require.Len(r.t, opened, 1)
			assert.False(r.t, numbers[opened[0].Session])
			numbers[opened[0].Session] = true
		})
	}
}

func TestEveryEventNamesItsSession(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.openSecond()
		require.NoError(r.t, client.conn.Close())
		require.NoError(r.t, server.conn.Close())
		r.login()
		require.Len(r.t, r.events(LoggedIn), 1)
		login := r.events(LoggedIn)[0]
		assert.Equal(r.t, "bob", login.User)
		assert.Equal(r.t, "gw", login.Gateway)

		clients := map[int64]string{} // by session
		for _, e := range r.observed {
			assert.NotEmpty(r.t, e.Client)
			assert.Equal(r.t, "127.0.0.1:2121", e.Listener)
			assert.Equal(r.t, "localhost:21", e.Server)
			assert.False(r.t, e.Time.IsZero())
			if client, ok := clients[e.Session]; ok {
				assert.Equal(r.t, client, e.Client, "an ID belongs to one client")
			}
			clients[e.Session] = e.Client
		}
		assert.Len(r.t, clients, 2)
	}, throughGateway)
}

func TestTransferIsReportedWhenItStarts(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		require.Len(r.t, r.events(TransferStarted), 1)
		started := r.events(TransferStarted)[0].Transfer
		assert.Zero(r.t, started.Moved())
		sendData(r.t, server, client, "data")
		assert.EqualValues(r.t, 4, started.Moved())
		assert.Empty(r.t, r.events(TransferEnded))
		r.finishDownload(server, client)
	})
}

func TestEventsLeaveOutPasswords(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PASS secret", "acct secret")
		r.server.expect("PASS secret", "acct secret")
		for _, e := range r.events(LinePassed) {
			assert.NotContains(r.t, e.Line.Received+e.Line.Sent, "secret")
		}
	})
}
