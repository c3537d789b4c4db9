package ftpfwd

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// by has ann and root let in, and each connection belong to whoever who names
// when it comes in; that is nobody where it names an error.
func by(who *atomic.Value) func(*rig) {
	who.Store("ann")
	return func(r *rig) {
		r.forwarder.Users = []string{"ann", "root"}
		r.forwarder.Owner = func(net.Conn) (string, error) {
			if who.Load() == "nobody" {
				return "", errors.New("no such socket")
			}
			return who.Load().(string), nil
		}
	}
}

func TestDataIsOnlyForTheUserWhoAskedForIt(t *testing.T) {
	var who atomic.Value
	withRig(t, func(r *rig) {
		l, err := r.far.Listen(t.Context(), "tcp", "127.0.0.1:40000")
		require.NoError(t, err)
		defer l.Close()
		address := r.epsv("40000")
		for i, thief := range []string{"bob", "root", "nobody"} {
			who.Store(thief)
			c, err := r.near.DialContext(t.Context(), "tcp", address)
			require.NoError(t, err)
			_, err = c.Read(make([]byte, 1))
			assert.ErrorIs(t, err, syscall.ECONNRESET, thief)
			require.Len(t, r.told(Warned), i+1)
			assert.ErrorAs(t, r.told(Warned)[i].Err, new(*OwnerError))
		}
		who.Store("ann")
		c, err := r.near.DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		carry(t, r.accept(l), c, "for ann")
	}, by(&who))
}

func TestOnlyUsersAreLetIn(t *testing.T) {
	for name, want := range map[string]string{
		"bob":    "421 user bob may not use this port",
		"nobody": "421 the owner of the connection is not known: no such socket",
	} {
		t.Run(name, func(t *testing.T) {
			var who atomic.Value
			withRig(t, func(r *rig) {
				who.Store(name)
				conn, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:2121")
				require.NoError(t, err)
				stranger := newLine(t, name, conn)
				stranger.hear(want)
				stranger.over()
				require.Len(t, r.told(Warned), 1)
				var refused *OwnerError
				require.ErrorAs(t, r.told(Warned)[0].Err, &refused)
				assert.Equal(t, []string{"ann", "root"}, refused.Users)
			}, by(&who))
		})
	}
}

func TestWhoIsOnAnotherHostHasNoOwner(t *testing.T) {
	var who atomic.Value
	withRig(t, func(r *rig) {
		who.Store("")
		r.connect()
		r.server.say("220 ready")
		r.client.hear("220 ready")
		client, server := r.passive()
		carry(t, server, client, "data")
	}, by(&who))
}

func TestMoreClientsThanThereMayBeAreTurnedAway(t *testing.T) {
	withRig(t, func(r *rig) {
		conn, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:2121")
		require.NoError(t, err)
		second := newLine(t, "second", conn)
		second.hear("421 too many clients are connected")
		second.over()
		// When one has gone, the next is served.
		require.NoError(t, r.client.conn.Close())
		_, err = r.server.in.ReadByte()
		require.Error(t, err)
		_ = r.server.conn.Close()
		r.told(SessionClosed)
		r.connect()
		r.server.say("220 ready")
		r.client.hear("220 ready")
	}, func(r *rig) { r.forwarder.MaxClients = 1 })
}
