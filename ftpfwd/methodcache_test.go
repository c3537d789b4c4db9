package ftpfwd

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requireFirst opens another session and checks which command the server receives
// for an EPSV first.
func (r *rig) requireFirst(want string) {
	r.t.Helper()
	client, server := r.openSecond()
	client.send("EPSV")
	assert.Equal(r.t, want, server.receive())
	require.NoError(r.t, client.conn.Close())
	require.NoError(r.t, server.conn.Close())
}

func TestOnlyLastingRefusalsAreRemembered(t *testing.T) {
	for _, c := range []struct {
		refusal       string
		same, another string // the command that is tried first afterwards, in the same session and in another
	}{
		{"502 EPSV is not implemented", "PASV", "PASV"},
		{"500 what?", "PASV", "PASV"},
		{"522 network protocol not supported", "PASV", "PASV"},
		{"550 not for this user", "PASV", "EPSV"},
		{"425 no port is free", "EPSV", "EPSV"},
		{"450 try later", "EPSV", "EPSV"},
	} {
		t.Run(c.refusal, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.client.send("EPSV")
				r.server.expect("EPSV")
				r.server.send(c.refusal)
				r.acceptPassive("PASV")
				r.announced("229")
				r.client.send("EPSV")
				assert.Equal(r.t, c.same, r.server.receive())
				r.requireFirst(c.another)
			})
		})
	}
}

func TestMethodsAreRememberedForEachRoute(t *testing.T) {
	sessions, gateways := 0, []string{"gw1", "gw2", "gw1"}
	withRig(t, func(r *rig) {
		r.client.send("EPSV")
		r.refuse("EPSV")
		r.server.expect("PASV")
		r.requireFirst("EPSV") // through gw2
		r.requireFirst("PASV") // through gw1
	}, func(r *rig) {
		r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
			gateway := gateways[sessions]
			sessions++
			conn, err := resolving{r.far}.DialContext(ctx, "tcp", server)
			return Route{Conn: conn, Network: resolving{r.far}, Gateway: gateway}, err
		}
	})
}

func TestMethodOfClientIsTriedFirstAgainAfterAWhile(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		r.client.send("EPSV")
		r.refuse("EPSV")
		r.server.expect("PASV")
		r.server.send(reply227(4000))
		_ = r.client.receive()
		advance(methodFailureLasts)
		r.client.send("EPSV")
		r.server.expect("EPSV")
	})
}

func TestRefusalOfANetworkProtocolIsNotRemembered(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("EPSV 1")
		r.server.expect("EPSV 1")
		r.server.send("522 use (2)")
		r.server.expect("EPSV")
		r.server.send("229 ok (|||4000|)")
		assert.Contains(t, r.client.receive(), "229 ")
		r.client.send("EPSV")
		r.server.expect("EPSV")
	})
}

func TestMethodsOfTooManyServersAreForgotten(t *testing.T) {
	var c methodCache
	key := func(i int) cacheKey { return cacheKey{server: strconv.Itoa(i)} }
	first := c.of(key(0))
	for i := range 10 * maxCached {
		c.of(key(i))
		if i < maxCached {
			require.Same(t, first, c.of(key(0)))
		}
		require.LessOrEqual(t, len(c.servers), maxCached)
	}
	assert.NotSame(t, first, c.of(key(0)))
}
