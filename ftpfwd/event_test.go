package ftpfwd

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func throughGateway(r *rig) {
	r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
		conn, err := named{r.far}.DialContext(ctx, "tcp", server)
		return Route{Conn: conn, Network: named{r.far}, Gateway: "gw"}, err
	}
}

func TestEveryEventNamesItsSession(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.second()
		require.NoError(t, client.conn.Close())
		require.NoError(t, server.conn.Close())
		r.login()
		require.Len(t, r.told(LoggedIn), 1)
		in := r.told(LoggedIn)[0]
		assert.Equal(t, "bob", in.User)
		assert.Equal(t, "gw", in.Gateway)

		sessions := map[int64]string{}
		for _, e := range r.events {
			assert.NotEmpty(t, e.Client)
			assert.Equal(t, "127.0.0.1:2121", e.Listener)
			assert.Equal(t, "localhost:21", e.Server)
			assert.False(t, e.Time.IsZero())
			if before, ok := sessions[e.Session]; ok {
				assert.Equal(t, before, e.Client, "an ID belongs to one client")
			}
			sessions[e.Session] = e.Client
		}
		assert.Len(t, sessions, 2)
	}, throughGateway)
}

func TestATransferIsReportedWhenItStarts(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.begin("RETR x")
		require.Len(t, r.told(TransferStarted), 1)
		started := r.told(TransferStarted)[0].Transfer
		assert.Zero(t, started.Moved())
		carry(t, server, client, "data")
		assert.EqualValues(t, 4, started.Moved())
		assert.Empty(t, r.told(TransferEnded))
		r.download(server, client)
	})
}

// setParameters sends commands and the server's replies to them.
func (r *rig) setParameters(exchanges ...[2]string) {
	for _, e := range exchanges {
		r.client.say(e[0])
		r.server.hear(e[0])
		r.server.say(e[1])
		r.client.hear(e[1])
	}
}

func TestATransferCarriesTypeModeAndPath(t *testing.T) {
	for _, c := range []struct {
		name      string
		exchanges [][2]string
		command   string
		kind      string
		path      string
	}{
		{"nothing is known", nil, "RETR a", "A", ""},
		{"a full path", [][2]string{{"TYPE I", "200 ok"}}, "RETR /pub/a", "I", "/pub/a"},
		{"TYPE that was refused", [][2]string{{"TYPE E", "504 no"}}, "RETR /a", "A", "/a"},
		{"PWD", [][2]string{{"PWD", `257 "/home/bob" is the current directory`}}, "STOR a b", "A", "/home/bob/a b"},
		{"a quote in PWD", [][2]string{{"PWD", `257 "/a ""b""" is it`}}, "RETR c", "A", `/a "b"/c`},
		{"CWD", [][2]string{{"PWD", `257 "/" is it`}, {"CWD pub", "250 ok"}, {"CWD x", "550 no"}}, "RETR a", "A", "/pub/a"},
		{"CWD with a full path", [][2]string{{"CWD /pub/x", "250 ok"}, {"CDUP", "250 ok"}}, "LIST", "A", "/pub"},
		{"CWD from an unknown directory", [][2]string{{"CWD pub", "250 ok"}}, "RETR a", "A", ""},
		{"no Unix path", [][2]string{{"PWD", `257 "USER.FILES." is it`}}, "RETR a", "A", ""},
		{"flags of LIST", [][2]string{{"PWD", `257 "/pub"`}}, "LIST -la", "A", ""},
		{"after REIN", [][2]string{{"PWD", `257 "/pub"`}, {"TYPE I", "200 ok"}, {"REIN", "220 ready"}}, "RETR a", "A", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.setParameters(c.exchanges...)
				client, server := r.passive()
				r.client.say(c.command)
				r.server.hear(c.command)
				tr := r.told(TransferStarted)[0].Transfer
				assert.Equal(t, []string{c.kind, "S", c.path}, []string{tr.Type, tr.Mode, tr.Path})
				require.NoError(t, client.Close())
				require.NoError(t, server.Close())
			})
		})
	}
}

func TestSessionsDescribesWhatIsOpen(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		client, server := r.passive()
		r.begin("RETR x")
		carry(t, server, client, "data")
		second, behind := r.second()

		infos := r.forwarder.Sessions(r.t.Context())
		require.Len(t, infos, 2)
		first := infos[0]
		assert.Equal(t, []string{"bob", "gw", "localhost:21", "relaying"}, []string{first.User, first.Gateway, first.Server, first.State})
		require.Len(t, first.Transfers, 1)
		assert.Equal(t, "RETR", first.Transfers[0].Command)
		assert.EqualValues(t, 4, first.Transfers[0].Bytes)
		assert.Empty(t, infos[1].Transfers)

		require.NoError(t, second.conn.Close())
		require.NoError(t, behind.conn.Close())
		r.download(server, client)
		assert.Len(t, r.forwarder.Sessions(r.t.Context()), 1)
	}, throughGateway)
}
