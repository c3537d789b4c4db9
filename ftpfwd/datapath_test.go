package ftpfwd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServerPortIsDialledOnHostOfControlConnection(t *testing.T) {
	withRig(t, func(r *rig) {
		var dialled string
		r.far.Dialled = func(address string) error { dialled = address; return nil }
		l := r.serverListensAt("127.0.0.1:51201")
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("227 Entering Passive Mode (10,9,8,7,200,1).") // 51201, on an address behind NAT
		c := r.clientDials(r.announced("227"))
		_ = r.accept(l)
		assert.Equal(r.t, "127.0.0.1:51201", dialled)
		assert.Equal(r.t, ForeignAddress, r.events(Warned)[0].Warning)
		assert.ErrorContains(r.t, r.events(Warned)[0].Err, "10.9.8.7")
		_ = c.Close()
	})
}

func TestAddressOfReplyIsDialledInReplyNetworks(t *testing.T) {
	withRig(t, func(r *rig) {
		l := r.serverListensAt("10.9.9.9:4000")
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("227 ok (10,9,9,9,15,160)")
		client := r.clientDials(r.announced("227"))
		sendData(r.t, r.accept(l), client, "data")
	}, func(r *rig) { r.forwarder.ReplyNetworks = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} })
}

// Whatever the networks, a server does not lead to what listens on the loopback of
// the host that dials.
func TestAddressOfReplyIsNeverLoopback(t *testing.T) {
	f := Forwarder{ReplyNetworks: []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::ffff:0:0/96"),
	}}
	for _, address := range []string{"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"} {
		assert.False(t, f.followsReply(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{"10.9.9.9", "2001:db8::1", "::ffff:10.1.2.3"} {
		assert.True(t, f.followsReply(netip.MustParseAddr(address)), address)
	}
	s := &session{f: &f, target: newTarget("ftp.internal:21")}
	assert.Equal(t, "ftp.internal:4000", s.serverEndpoint(netip.MustParseAddrPort("127.0.0.1:4000")).address)
	assert.Equal(t, "10.9.9.9:4000", s.serverEndpoint(netip.MustParseAddrPort("10.9.9.9:4000")).address)
}

// Pure-FTPd accepts one transfer after the other on the port of a PASV.
func TestListenerServesSeveralTransfersOneAtATime(t *testing.T) {
	withRig(t, func(r *rig) {
		l, port := r.serverListener()
		at := r.epsv(port)
		for range 2 {
			client := r.clientDials(at)
			server := r.accept(l)
			r.startTransfer("RETR x")

			requireReset(r.t, r.clientDials(at)) // a second connection at the same time
			r.finishDownload(server, client)     // the first is not disturbed
		}
		assert.Len(r.t, r.endedTransfers(), 2)
		r.server.expectNothing()
	})
}

// The close of the first connection may arrive behind the second connection.
func TestClientConnectsForNextTransferBeforeItCloses(t *testing.T) {
	withRig(t, func(r *rig) {
		l, port := r.serverListener()
		at := r.epsv(port)
		first := r.clientDials(at)
		server := r.accept(l)
		r.startTransfer("RETR x")
		require.NoError(r.t, server.Close())
		assert.Empty(r.t, readData(r.t, first))
		r.finish()

		second := r.clientDials(at)
		r.startTransfer("RETR y")
		r.finishDownload(r.accept(l), second)
		require.NoError(r.t, first.Close())
		ended := r.endedTransfers()
		require.Len(r.t, ended, 2)
		assert.EqualValues(r.t, 4, ended[1].Bytes)
	})
}

func TestListenerIsClosedWhenServerAcceptsNextPath(t *testing.T) {
	withRig(t, func(r *rig) {
		remoteListeners := func() int { _, far := r.openListeners(); return far }
		r.active()
		require.Equal(r.t, 1, remoteListeners())
		r.client.send("PORT 127,0,0,1,200,1")
		_ = r.server.receive()
		r.server.send("500 no")
		r.refuse("EPRT", "EPRT", "EPSV", "PASV")
		r.client.expect("500 no")
		require.Equal(r.t, 1, remoteListeners(), "the refused one is closed, the one before stays open")
		_, server := r.passive()
		defer server.Close()
		require.Zero(r.t, remoteListeners())
	})
}

func TestListenerWithoutConnectionIsClosed(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		_ = r.epsv(50000)
		near, _ := r.openListeners()
		require.Equal(r.t, 1, near)
		advance(r.forwarder.dataTimeout() + time.Second)
		near, _ = r.openListeners()
		assert.Zero(r.t, near)
	})
}

// vsftpd waits for a connection for one minute, pyftpdlib for half of one, others
// for longer.
func TestListenerIsOpenLongerThanServersWait(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		l, port := r.serverListener()
		at := r.epsv(port)
		advance(4 * time.Minute)
		client := r.clientDials(at)
		server := r.accept(l)
		r.startTransfer("RETR x")
		r.finishDownload(server, client)
		require.NoError(r.t, r.endedTransfer().Err)
	})
}

func TestPORTBehindUnansweredEPSVKeepsItsListener(t *testing.T) {
	withRig(t, func(r *rig) {
		_, _ = r.passive()
		l, hostPort := r.clientListener()
		r.client.send("EPSV", "RETR x", "PORT "+hostPort)
		r.server.expect("EPSV", "RETR x")
		port := r.server.receive()
		r.server.send("229 ok (|||4000|)", "550 none", "200 PORT ok")
		assert.Contains(r.t, r.client.receive(), "229 ok")
		r.client.expect("550 none", "200 PORT ok")
		_ = r.serverDials(r.addressIn(port))
		_ = r.accept(l)
	})
}

func TestPipelinedTransfersReceiveTheirOwnData(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive() // EPSV is known to work now, and does not hold commands
		_, _ = client.Close(), server.Close()
		for _, data := range []string{"one", "two"} {
			l, port := r.serverListener()
			r.client.send("CWD /", "EPSV", "RETR "+data)
			r.server.expect("CWD /", "EPSV", "RETR "+data)
			r.server.send("250 ok", reply229(port))
			r.client.expect("250 ok")
			client := r.clientDials(r.announced("229"))
			server := r.accept(l)
			r.server.send("150 ok")
			writeData(r.t, server, data)
			require.NoError(r.t, server.Close())
			r.server.send("226 done")
			r.client.expect("150 ok", "226 done")
			assert.Equal(r.t, data, readData(r.t, client))
			_ = client.Close()
		}
		for _, ended := range r.endedTransfers() {
			assert.NoError(r.t, ended.Err)
			assert.EqualValues(r.t, 3, ended.Bytes)
		}
	})
}

func TestUnansweredPathsAreBounded(t *testing.T) {
	withRig(t, func(r *rig) {
		for range maxPaths + 2 {
			r.client.send("PORT 127,0,0,1,200,1")
			assert.Contains(r.t, r.server.receive(), "PORT ")
			advance(openAtMost)
		}
		_, far := r.openListeners()
		assert.Equal(r.t, maxPaths, far)
	}, exactMode)
}
