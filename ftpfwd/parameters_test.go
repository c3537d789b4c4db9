package ftpfwd

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTransferCarriesTypeModeAndPath(t *testing.T) {
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
				for _, e := range c.exchanges {
					r.exchange(e[0], e[1])
				}
				client, server := r.passive()
				r.client.send(c.command)
				r.server.expect(c.command)
				tr := r.events(TransferStarted)[0].Transfer
				assert.Equal(r.t, []string{c.kind, "S", c.path}, []string{tr.Type, tr.Mode, tr.Path})
				require.NoError(r.t, client.Close())
				require.NoError(r.t, server.Close())
			})
		})
	}
}

func TestREINResetsParametersAndClosesPaths(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("EPSV ALL", "200 ok")
		r.exchange("MODE B", "200 ok")
		_ = r.epsv(4000)
		r.client.send("REIN")
		r.server.expect("REIN")
		r.server.send("120 wait", "220 ready")
		r.client.expect("120 wait", "220 ready")
		near, _ := r.openListeners()
		assert.Zero(r.t, near)
		r.client.send("EPSV")
		r.refuse("EPSV", "PASV")
	})
}
