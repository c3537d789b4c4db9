package ftpfwd

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// second opens another session of the same forwarder.
func (r *rig) second() (client, server *line) {
	conn, err := r.near.DialContext(r.t.Context(), "tcp", "127.0.0.1:2121")
	require.NoError(r.t, err)
	client, server = newLine(r.t, "second client", conn), newLine(r.t, "second server", r.accept(r.serverListen))
	server.say("220 ready")
	client.hear("220 ready")
	return client, server
}

func TestOnlyLastingRefusalsOfAMethodAreRemembered(t *testing.T) {
	for _, c := range []struct {
		refusal       string
		here, another string // the method that is tried first afterwards, in the same session and in another
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
				r.client.say("EPSV")
				r.server.hear("EPSV")
				r.server.say(c.refusal)
				r.server.hear("PASV")
				r.server.say(said227(4000))
				assert.Contains(t, r.client.line(), "229 ")
				r.client.say("EPSV")
				assert.Equal(t, c.here, r.server.line())

				client, server := r.second()
				client.say("EPSV")
				assert.Equal(t, c.another, server.line())
				require.NoError(t, client.conn.Close())
				require.NoError(t, server.conn.Close())
			})
		})
	}
}

func TestWhatIsRememberedHoldsForOneRoute(t *testing.T) {
	sessions, gateways := 0, []string{"gw1", "gw2", "gw1"}
	withRig(t, func(r *rig) {
		r.client.say("EPSV")
		r.declines("EPSV")
		for _, want := range []string{"EPSV", "PASV"} { // through gw2, and gw1 again
			client, server := r.second()
			client.say("EPSV")
			assert.Equal(t, want, server.line())
			require.NoError(t, client.conn.Close())
			require.NoError(t, server.conn.Close())
		}
	}, func(r *rig) {
		r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
			gateway := gateways[sessions]
			sessions++
			conn, err := named{r.far}.DialContext(ctx, "tcp", server)
			return Route{Conn: conn, Network: named{r.far}, Gateway: gateway}, err
		}
	})
}

func exact(r *rig) { r.forwarder.ServerMode = Exact }

func TestExactModeSendsTheClientsCommandsOnly(t *testing.T) {
	withRig(t, func(r *rig) {
		for range 2 { // nothing is remembered
			r.client.say("EPSV 2")
			r.server.hear("EPSV 2")
			r.server.say("502 EPSV is not implemented")
			r.client.hear("502 EPSV is not implemented")
		}
		client, server := r.passive()
		r.begin("RETR x")
		r.download(server, client)

		l, _ := r.active()
		require.NoError(t, l.Close())
		r.server.silent()
	}, exact)
}

func TestExactModeOpensNoPathThatTheClientDidNotAskFor(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("REST 7", "RETR x")
		r.server.hear("REST 7", "RETR x")
		r.server.say("350 restarting", "425 use PASV first")
		r.client.hear("350 restarting", "425 use PASV first")
	}, exact)
}

func TestExactModeTriesNoOtherMethodWhenADialFails(t *testing.T) {
	withRig(t, func(r *rig) {
		at := r.epsv("4000") // where nobody listens
		client, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		require.Error(t, err)
		r.client.say("RETR x")
		assert.Contains(t, r.client.line(), "425 cannot open the data connection")
		r.server.silent()
	}, exact)
}

func TestExactModeRefusesPORTThatTheServerCannotReach(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PORT 127,0,0,1,200,1")
		r.client.hear("425 PORT refused: the FTP server is not on the gateway, so it could not connect to it")
		r.server.silent()
	}, exact, func(r *rig) {
		r.forwarder.Server = "10.0.0.9:21"
		r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
			conn, err := r.far.DialContext(ctx, "tcp", "127.0.0.1:21")
			return Route{Conn: conn, Network: r.far}, err
		}
	})
}

func TestTheDefaultPathUsesEPSVAfterEPSVALL(t *testing.T) {
	withRig(t, func(r *rig) {
		r.setParameters([2]string{"EPSV ALL", "200 ok"})
		r.client.say("RETR x")
		r.server.hear("EPSV")
	})
}
