package ftpfwd

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPORTIsRefusedUnlessItNamesClient(t *testing.T) {
	for command, want := range map[string]string{
		"PORT 192,0,2,1,200,1":                             "500 PORT refused: 192.0.2.1 is not your address",
		"PORT 127,0,0,1,0,21":                              "501 PORT refused: port 21 is below 1024",
		"PORT 127,0,0,1,200":                               "501 PORT refused: not six numbers",
		"PORT 127,0,0,1,200,1,1":                           "501 PORT refused: not six numbers",
		"EPRT |1|192.0.2.1|51200|":                         "500 EPRT refused: 192.0.2.1 is not your address",
		"EPRT |1|127.0.0.1|80|":                            "501 EPRT refused: port 80 is below 1024",
		"EPRT |2|127.0.0.1|51200|":                         "501 EPRT refused",
		"EPRT |1|localhost|51200|":                         "501 EPRT refused",
		"PORT 127,0,0,1,200,1" + strings.Repeat(" ", 2000): "501 PORT refused: the line is too long",
	} {
		withRig(t, func(r *rig) {
			r.client.send(command)
			assert.True(r.t, strings.HasPrefix(r.client.receive(), want), command)
			r.server.expectNothing()
			r.client.send("NOOP")
			r.server.expect("NOOP")
			_, far := r.openListeners()
			assert.Zero(r.t, far, "nothing was opened")
		})
	}
}

// A server may want a login first.
func TestCommandsThatNameNothingGetServersAnswer(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, command := range []string{"PORT", "EPRT", "PASV x"} {
			r.exchange(command, "530 log in first")
			r.exchange(command, "501 no such argument")
		}
		r.client.send("PASV")
		r.server.expect("PASV") // it is not taken for a method that the server lacks
	})
}

func TestPORTIsRefusedWhenServerCannotReachGateway(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PORT 127,0,0,1,200,1")
		assert.Contains(r.t, r.client.receive(), "425 PORT refused: the FTP server is not on the gateway")
		r.server.expectNothing()
	}, func(r *rig) {
		r.forwarder.Server = "ftp.example.com:21"
		r.forwarder.Remote = oneHost{r.far}
		r.forwarder.ServerMode = Active
	})
}

func TestForeignPortsPassesOnForeignAddress(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, command := range []string{"PORT 192,0,2,1,200,1", "EPRT |1|192.0.2.1|51201|"} {
			r.exchange(command, "500 I won't")
			r.exchange(command, "200 well")
			r.startTransfer("RETR x") // with no path of ours, which would undo the command
			r.server.send("226 sent there")
			r.client.expect("226 sent there")
		}
		assert.Len(r.t, r.endedTransfers(), 2)
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("227 Entering Passive Mode (127,0,0,1,117,48).")
		_ = r.clientDials(r.announced("227"))
	}, func(r *rig) { r.forwarder.ForeignPorts = true })
}

// throughActiveAddress sets an active address that is dialled through a network.
func throughActiveAddress(remote func(resolving) Network) func(r *rig) {
	return func(r *rig) {
		r.forwarder.Server = "127.0.0.1:21"
		r.forwarder.ActiveAddress = netip.MustParseAddr("10.0.0.5")
		r.forwarder.Remote = remote(resolving{r.far})
	}
}

func TestActiveAddressIsDialledBeforeItIsUsed(t *testing.T) {
	withRig(t, func(r *rig) {
		for range 2 {
			r.client.send("PORT 127,0,0,1,200,1")
			assert.Contains(r.t, r.server.receive(), "PORT 10,0,0,5,")
			r.server.send("200 ok")
			r.client.expect("200 ok")
		}
	}, throughActiveAddress(func(n resolving) Network { return n }))
	withRig(t, func(r *rig) {
		r.client.send("PORT 127,0,0,1,200,1")
		r.server.expect("EPSV")
		r.server.send(reply229(4000))
		r.refuse("PASV")
		assert.Contains(r.t, r.client.receive(), "425 PORT refused: connections to the active address 10.0.0.5 do not arrive")
	}, throughActiveAddress(func(n resolving) Network { return listenUnreachable{n} }))
}

func TestMayBeAcceptsAddressesOfServerOnly(t *testing.T) {
	for _, c := range []struct {
		server, active   string
		accepted, others []string
	}{
		{"localhost:21", "", []string{"127.0.0.1", "127.0.0.9", "::1"}, []string{"10.0.0.7"}},
		{"localhost:21", "10.0.0.5", []string{"127.0.0.1", "10.0.0.5"}, []string{"10.0.0.7"}},
		{"10.0.0.6:21", "10.0.0.5", []string{"10.0.0.6"}, []string{"10.0.0.5", "10.0.0.7", "127.0.0.1"}},
		{"ftp.internal:21", "10.0.0.5", []string{"10.0.0.6"}, nil}, // only the far network resolves it
	} {
		active, _ := netip.ParseAddr(c.active)
		target := newTarget(c.server)
		assert.True(t, target.mayBe(netip.Addr{}, active), "the gateway does not report addresses")
		for _, a := range c.accepted {
			assert.True(t, target.mayBe(netip.MustParseAddr(a), active), "%s to %s", a, c.server)
		}
		for _, a := range c.others {
			assert.False(t, target.mayBe(netip.MustParseAddr(a), active), "%s to %s", a, c.server)
		}
	}
}

// A gateway may lend a port to somebody else only when nobody will connect to it who
// was commanded to.
func TestListenerIsSettledOnlyIfNoConnectionIsDue(t *testing.T) {
	closed := make(chan bool, 10)
	withSettling := func(test func(r *rig)) {
		withRig(t, test, func(r *rig) { r.forwarder.Remote = settling{resolving{r.far}, closed} })
	}
	transfer := func(r *rig, l net.Listener, at string) {
		r.startTransfer("RETR x")
		server := r.serverDials(at)
		r.finishDownload(server, r.accept(l))
	}

	withSettling(func(r *rig) {
		l, at := r.active()
		transfer(r, l, at)
		transfer(r, l, at)
		r.exchange("RETR absent", "550 no such file")
		r.startTransfer("RETR absent") // and then refused, with a NOOP behind it
		r.client.send("NOOP")
		r.server.expect("NOOP")
		r.server.send("500 no such file", "200 ok")
		r.client.expect("500 no such file", "200 ok")
		_, _ = r.active()
		assert.True(r.t, <-closed, "the server has answered all")
	})
	assert.True(t, <-closed, "nothing was commanded")

	withSettling(func(r *rig) {
		l, at := r.active()
		transfer(r, l, at)
		r.client.send("RETR slow")
		r.server.expect("RETR slow")
		require.NoError(r.t, r.client.conn.Close())
		require.NoError(r.t, r.server.conn.Close())
		assert.False(r.t, <-closed, "the server may still connect")
	})
	withSettling(func(r *rig) {
		r.active()
		r.startTransfer("RETR slow")
		r.stop()
		assert.False(r.t, <-closed, "the server may still connect")
	})
}
