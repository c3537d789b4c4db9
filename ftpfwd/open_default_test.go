package ftpfwd

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
)

// defaultPort makes the client listen at its default data port: the control
// connection's own (RFC 959, 3.2).
func (r *rig) defaultPort() net.Listener {
	return r.clientListensAt(r.client.conn.LocalAddr().String())
}

func TestDefaultDataPortServesClientWithoutPORTOrPASV(t *testing.T) {
	withRig(t, func(r *rig) {
		l := r.defaultPort()
		r.client.send("LIST")
		r.refuse("EPSV")
		server := r.accept(r.acceptPassive("PASV"))
		r.server.expect("LIST")
		r.server.send("125 now")
		r.client.expect("125 now")
		r.finishDownload(server, r.accept(l))

		r.client.send("STOR x")
		server = r.accept(r.acceptPassive("PASV"))
		r.server.expect("STOR x")
		r.server.send("125 now")
		r.client.expect("125 now")
		r.finishUpload(r.accept(l), server)
		assert.Empty(r.t, r.events(Warned))
	})
}

// The server may have forgotten the REST when it received the EPSV.
func TestRESTIsRepeatedAfterOwnCommands(t *testing.T) {
	withRig(t, func(r *rig) {
		l := r.defaultPort()
		r.exchange("REST 100", "350 from 100")
		r.client.send("STOR x")
		server := r.accept(r.acceptPassive("EPSV"))
		r.server.expect("REST 100")
		r.server.send("350 from 100")
		r.server.expect("STOR x")
		r.server.send("125 now")
		r.client.expect("125 now") // and no second 350
		r.finishUpload(r.accept(l), server)

		r.client.send("STOR y") // from its beginning
		server = r.accept(r.acceptPassive("EPSV"))
		r.server.expect("STOR y")
		r.server.send("125 now")
		r.client.expect("125 now")
		r.finishUpload(r.accept(l), server)
	})
}

func TestServerRepliesToTransferWhoseDefaultPathItRefuses(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("LIST")
		r.server.expect("EPSV")
		r.server.send("530 Please login with USER and PASS.")
		r.server.expect("LIST")
		r.server.send("530 Please login with USER and PASS.")
		r.client.expect("530 Please login with USER and PASS.")
	})
}

func TestDefaultPathUsesEPSVAfterEPSVALL(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("EPSV ALL", "200 ok")
		r.client.send("RETR x")
		r.server.expect("EPSV")
	})
}
