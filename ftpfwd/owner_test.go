package ftpfwd

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ownedBy accepts connections of the users ann and root. The owner of a connection
// is the value of owner when it is accepted, which is ann at first; it is not known
// if that is "unknown".
func ownedBy(owner *atomic.Value) func(*rig) {
	owner.Store("ann")
	return func(r *rig) {
		r.forwarder.Users = []string{"ann", "root"}
		r.forwarder.Owner = func(net.Conn) (string, error) {
			if owner.Load() == "unknown" {
				return "", errors.New("no such socket")
			}
			return owner.Load().(string), nil
		}
	}
}

func TestDataConnectionMustHaveOwnerOfControlConnection(t *testing.T) {
	var owner atomic.Value
	withRig(t, func(r *rig) {
		l, port := r.serverListener()
		address := r.epsv(port)
		for i, other := range []string{"bob", "root", "unknown"} {
			owner.Store(other)
			requireReset(r.t, r.clientDials(address))
			require.Len(r.t, r.events(Warned), i+1)
			assert.ErrorAs(r.t, r.events(Warned)[i].Err, new(*OwnerError))
		}
		owner.Store("ann")
		c := r.clientDials(address)
		sendData(r.t, r.accept(l), c, "for ann")
	}, ownedBy(&owner))
}

func TestClientOfAnotherUserReceives421(t *testing.T) {
	for name, want := range map[string]string{
		"bob":     "421 user bob may not use this port",
		"unknown": "421 the owner of the connection is not known: no such socket",
	} {
		t.Run(name, func(t *testing.T) {
			var owner atomic.Value
			withRig(t, func(r *rig) {
				owner.Store(name)
				rejected := r.connectClient()
				rejected.expect(want)
				rejected.expectEOF()
				require.Len(r.t, r.events(Warned), 1)
				var rejection *OwnerError
				require.ErrorAs(r.t, r.events(Warned)[0].Err, &rejection)
				assert.Equal(r.t, []string{"ann", "root"}, rejection.Users)
			}, ownedBy(&owner))
		})
	}
}

func TestClientOnAnotherHostNeedsNoOwner(t *testing.T) {
	var owner atomic.Value
	withRig(t, func(r *rig) {
		owner.Store("")
		r.connect()
		r.server.send("220 ready")
		r.client.expect("220 ready")
		client, server := r.passive()
		sendData(r.t, server, client, "data")
	}, ownedBy(&owner))
}
