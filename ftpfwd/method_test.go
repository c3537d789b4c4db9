package ftpfwd

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServerOnIPv6IsAskedInItsFamily(t *testing.T) {
	withRig(t, func(r *rig) {
		l, hostPort := r.clientListener()
		r.client.send("PORT " + hostPort)
		require.Contains(r.t, r.server.receive(), "PORT 127,0,0,1,")
		r.server.send("500 Illegal PORT command.")
		require.Contains(r.t, r.server.receive(), "EPRT |1|127.0.0.1|")
		r.server.send("522 Network protocol not supported, use (2)")
		command := r.server.receive()
		require.Contains(r.t, command, "EPRT |2|::1|")
		r.server.send("200 EPRT ok")
		r.client.expect("200 PORT command successful")
		r.startTransfer("RETR x")
		server := r.serverDials(r.addressIn(command))
		r.finishDownload(server, r.accept(l))
	})
}

func TestServerModeIsObeyedWhateverClientUses(t *testing.T) {
	withRig(t, func(r *rig) {
		_, hostPort := r.clientListener()
		r.client.send("EPRT |1|127.0.0.1|50000|")
		r.acceptPassive("EPSV")
		r.client.expect("200 EPRT command successful")
		r.client.send("PORT " + hostPort)
		r.server.expect("EPSV")
	}, func(r *rig) { r.forwarder.ServerMode = Passive })
	withRig(t, func(r *rig) {
		r.client.send("EPSV")
		r.acceptActive("PORT")
		r.announced("229")
	}, func(r *rig) { r.forwarder.ServerMode = Active })
}

func exactMode(r *rig) { r.forwarder.ServerMode = Exact }

func TestExactModeSendsClientCommandsOnly(t *testing.T) {
	withRig(t, func(r *rig) {
		for range 2 { // nothing is remembered
			r.exchange("EPSV 1", "502 EPSV is not implemented")
		}
		client, server := r.passive()
		r.startTransfer("RETR x")
		r.finishDownload(server, client)

		r.active()
		r.server.expectNothing()
	}, exactMode)
}

func TestExactModeOpensNoPathWithoutCommandOfClient(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("REST 7", "RETR x")
		r.server.expect("REST 7", "RETR x")
		r.server.send("350 restarting", "425 use PASV first")
		r.client.expect("350 restarting", "425 use PASV first")
	}, exactMode)
}

func TestExactModeTriesNoOtherMethodWhenDialFails(t *testing.T) {
	withRig(t, func(r *rig) {
		client := r.clientDials(r.epsv(4000)) // not open
		_, err := client.Read(make([]byte, 1))
		require.Error(r.t, err)
		r.client.send("RETR x")
		assert.Contains(r.t, r.client.receive(), "425 cannot open the data connection")
		r.server.expectNothing()
	}, exactMode)
}

func TestExactModeRefusesPORTThatServerCannotReach(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PORT 127,0,0,1,200,1")
		r.client.expect("425 PORT refused: the FTP server is not on the gateway, so it could not connect to it")
		r.server.expectNothing()
	}, exactMode, func(r *rig) {
		r.forwarder.Server = "10.0.0.9:21"
		r.forwarder.Connect = func(ctx context.Context, server string) (Route, error) {
			conn, err := r.far.DialContext(ctx, "tcp", "127.0.0.1:21")
			return Route{Conn: conn, Network: r.far}, err
		}
	})
}
