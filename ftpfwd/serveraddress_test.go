package ftpfwd

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// meaning makes the server's name mean addresses, and lead to another host than the
// control connection's.
func meaning(addresses ...string) func(*rig) {
	return func(r *rig) {
		r.forwarder.Server = "ftp.example:21"
		r.forwarder.Remote = anotherHost{resolving{r.far}}
		r.forwarder.Lookup = func(_ context.Context, host string) (found []netip.Addr, err error) {
			assert.Equal(r.t, "ftp.example", host)
			for _, a := range addresses {
				found = append(found, netip.MustParseAddr(a))
			}
			return found, nil
		}
	}
}

func TestDataGoesToAddressOfControlConnection(t *testing.T) {
	withRig(t, func(r *rig) {
		l := r.serverListensAt("10.1.0.1:4000")
		r.client.send("EPSV")
		r.server.expect("EPSV")
		r.server.send(reply229(4000))
		client := r.clientDials(r.announced("229"))
		r.server.expect("PASV") // whose reply has an address
		r.server.send("227 ok (10,1,0,1,15,160)")
		server := r.accept(l)
		r.startTransfer("RETR x")
		r.finishDownload(server, client)

		r.client.send("EPSV") // the session knows now
		got := r.server.receive()
		r.server.send(map[string]string{"EPSV": reply229(4000), "PASV": "227 ok (10,1,0,1,15,160)"}[got])
		client = r.clientDials(r.announced("229"))
		server = r.accept(l)
		r.startTransfer("RETR y")
		r.finishDownload(server, client)
	}, meaning("10.1.0.2", "::ffff:10.1.0.1"))
}

// A server cannot choose what is connected to (RFC 2577, 4).
func TestAddressThatNameCannotMeanIsNotDialled(t *testing.T) {
	for name, means := range map[string][]string{"another": {"10.1.0.2"}, "none": nil, "the gateway's loopback": {"10.1.0.1", "127.0.0.1"}} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				at, reply := "10.1.0.1:4000", "227 ok (10,1,0,1,15,160)"
				if name == "the gateway's loopback" {
					at, reply = "127.0.0.1:4000", reply227(4000)
				}
				r.serverListensAt(at)
				r.client.send("PASV")
				r.server.expect("PASV")
				r.server.send(reply)
				_ = r.clientDials(r.announced("227"))
				r.server.expect("EPSV") // the other method is tried
				r.server.send("502 no")
				r.client.send("RETR x")
				assert.Contains(r.t, r.client.receive(), "425 ")
				require.NotEmpty(r.t, r.events(Warned))
			}, meaning(means...))
		})
	}
}
