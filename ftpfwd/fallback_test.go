package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAClientThatHasConnectedIsHeldWhileAnotherWayIsTried(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(address string) error {
			if strings.HasSuffix(address, ":4000") {
				return errors.New("connect failed")
			}
			return nil
		}
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||4000|)")
		client, err := r.near.DialContext(t.Context(), "tcp", r.heardPort(r.client.line()))
		require.NoError(t, err)
		r.client.say("RETR x")
		r.server.hear("PASV")
		l, port := r.serverData()
		r.server.say(said227(port))
		server := r.accept(l)
		r.server.hear("RETR x")
		r.server.say("150 here it comes")
		r.client.hear("150 here it comes")
		r.download(server, client)
		tr := r.transfer()
		assert.Equal(t, [2]string{"EPSV", "PASV"}, [2]string{tr.Method, tr.ServerMethod})
		assert.ErrorContains(t, r.told(Warned)[0].Err, "PASV is used in place of EPSV")
	})
}

func TestTheServerConnectsWhereNoPortOfItsOwnCanBeDialled(t *testing.T) {
	withRig(t, func(r *rig) {
		r.far.Dialled = func(address string) error {
			if strings.HasPrefix(address, "127.0.0.1:4") {
				return errors.New("connect failed")
			}
			return nil
		}
		r.client.say("PASV", "STOR x") // the client sends both before it connects
		r.server.hear("PASV")
		r.server.say(said227(4000))
		client, err := r.near.DialContext(t.Context(), "tcp", r.heardPort(r.client.line()))
		require.NoError(t, err)
		r.server.hear("EPSV")
		r.server.say("229 ok (|||4001|)")
		command := r.server.line()
		require.Contains(t, command, "PORT ")
		r.server.say("200 ok")
		r.server.hear("STOR x")
		server, err := r.far.DialContext(t.Context(), "tcp", r.heardPort(command))
		require.NoError(t, err)
		r.server.say("150 go on")
		r.client.hear("150 go on")
		carry(t, client, server, "data")
		_ = client.Close()
		assert.Empty(t, readAll(t, server))
		_ = server.Close()
		r.server.say("226 done")
		r.client.hear("226 done")
	})
}

func TestATransferCommandWaitsALittleForAClientThatConnects(t *testing.T) {
	withRig(t, func(r *rig) {
		_ = r.epsv("4000")
		r.client.say("RETR x")
		r.server.silent()
		pass(gatherAtMost + time.Millisecond)
		r.server.hear("RETR x") // clients may as well connect behind it
	})
	withRig(t, func(r *rig) {
		l, port := r.serverData()
		at := r.epsv(fmt.Sprint(port))
		r.client.say("RETR x")
		r.server.silent()
		began := time.Now()
		_, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		_ = r.accept(l)
		r.server.hear("RETR x")
		assert.Zero(t, time.Since(began), "it waits no longer than for the client")
	})
}

func TestAClientWithoutPORTAndPASVGetsItsDataAtItsDefaultPort(t *testing.T) {
	withRig(t, func(r *rig) {
		l, err := r.near.Listen(t.Context(), "tcp", r.client.conn.LocalAddr().String())
		require.NoError(t, err)
		r.opened = append(r.opened, l)
		for i, command := range []string{"LIST", "STOR x"} {
			if i == 1 {
				r.client.say("REST 100")
				r.server.hear("REST 100")
				r.server.say("350 from 100")
				r.client.hear("350 from 100")
			}
			r.client.say(command)
			if i == 0 {
				r.declines("EPSV")
			}
			r.server.hear("PASV")
			there, port := r.serverData()
			r.server.say(said227(port))
			server := r.accept(there)
			if i == 1 {
				r.server.hear("REST 100") // the PASV may have made the server forget it
				r.server.say("350 from 100")
			}
			r.server.hear(command)
			r.server.say("125 now")
			r.client.hear("125 now")
			client := r.accept(l)
			if command == "LIST" {
				r.download(server, client)
				continue
			}
			write(t, client, "data")
			_ = client.Close()
			assert.Equal(t, "data", readAll(t, server))
			_ = server.Close()
			r.server.say("226 done")
			r.client.hear("226 done")
		}
		assert.Empty(t, r.told(Warned))
	})
}

func TestADefaultPortIsTheServersToRefuse(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("LIST")
		r.server.hear("EPSV")
		r.server.say("530 Please login with USER and PASS.")
		r.server.hear("LIST")
		r.server.say("530 Please login with USER and PASS.")
		r.client.hear("530 Please login with USER and PASS.")
	})
}

func TestOurOwnDialsComeFromThePortBeforeTheControlConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	from := addrOf(free.Addr())
	require.NoError(t, free.Close())
	c, err := host{from.Addr()}.dialFrom(t.Context(), from, l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	assert.Equal(t, from, addrOf(c.LocalAddr()))
}

// lying is a far network whose listeners are at other addresses than they
// say, as those of sshd without GatewayPorts.
type lying struct{ named }

func (n lying) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if strings.HasPrefix(address, "10.") {
		return nil, errors.New("connect failed")
	}
	return n.named.DialContext(ctx, network, address)
}

func TestAnActiveAddressIsDialledBackBeforeItIsUsed(t *testing.T) {
	elsewhere := func(remote func(named) Network) func(r *rig) {
		return func(r *rig) {
			r.forwarder.Server = "127.0.0.1:21"
			r.forwarder.ActiveAddress = netip.MustParseAddr("10.0.0.5")
			r.forwarder.Remote = remote(named{r.far})
		}
	}
	withRig(t, func(r *rig) {
		for range 2 {
			r.client.say("PORT 127,0,0,1,200,1")
			assert.Contains(t, r.server.line(), "PORT 10,0,0,5,")
			r.server.say("200 ok")
			r.client.hear("200 ok")
		}
	}, elsewhere(func(n named) Network { return n }))
	withRig(t, func(r *rig) {
		r.client.say("PORT 127,0,0,1,200,1")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||4000|)")
		r.declines("PASV")
		assert.Contains(t, r.client.line(), "425 PORT refused: connections to the active address 10.0.0.5 do not arrive")
	}, elsewhere(func(n named) Network { return lying{n} }))
}

func TestAForeignAddressIsPassedOnIfItMay(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, line := range []string{"PORT 192,0,2,1,200,1", "EPRT |1|192.0.2.1|51201|"} {
			r.client.say(line)
			r.server.hear(line)
			r.server.say("500 I won't")
			r.client.hear("500 I won't")
		}
	}, func(r *rig) { r.forwarder.ForeignPorts = true })
}

func TestAReplysAddressIsFollowedInsideTheNetworksGiven(t *testing.T) {
	withRig(t, func(r *rig) {
		l, err := r.far.Listen(t.Context(), "tcp", "10.9.9.9:4000")
		require.NoError(t, err)
		r.opened = append(r.opened, l)
		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("227 ok (10,9,9,9,15,160)")
		client, err := r.near.DialContext(t.Context(), "tcp", r.heardPort(r.client.line()))
		require.NoError(t, err)
		carry(t, client, r.accept(l), "data")
	}, func(r *rig) { r.forwarder.ReplyNetworks = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} })
}

func TestREINForgetsWhatWasAgreed(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, line := range []string{"EPSV ALL", "MODE B"} {
			r.client.say(line)
			r.server.hear(line)
			r.server.say("200 ok")
			r.client.hear("200 ok")
		}
		_ = r.epsv("4000")
		r.client.say("REIN")
		r.server.hear("REIN")
		r.server.say("120 wait", "220 ready")
		r.client.hear("120 wait", "220 ready")
		synctest.Wait()
		listeners, _ := r.near.Open()
		assert.Equal(t, 1, listeners, "its data port is closed")
		r.client.say("EPSV")
		r.declines("EPSV", "PASV")
	})
}

// blocks is data in block mode, in blocks of four bytes at most.
func blocks(data string, last bool) string {
	var b strings.Builder
	for len(data) > 4 {
		fmt.Fprintf(&b, "\x00\x00\x04%s", data[:4])
		data = data[4:]
	}
	descriptor := byte(0)
	if last {
		descriptor = blockEndOfFile
	}
	fmt.Fprintf(&b, "%c\x00%c%s", descriptor, len(data), data)
	return b.String()
}

func TestBlockModeCarriesSeveralFilesOnOneDataConnection(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("MODE B")
		r.server.hear("MODE B")
		r.server.say("200 block it is")
		r.client.hear("200 block it is")
		client, server := r.passive()
		for _, data := range []string{"first file", "second"} {
			r.begin("RETR " + data)
			write(t, server, blocks(data, false))
			r.server.say("226 done")
			r.client.silent() // the end of the file has not come
			write(t, server, blocks("", true))
			r.client.hear("226 done")
			b := make([]byte, len(blocks(data, false)+blocks("", true)))
			_, err := io.ReadFull(client, b)
			require.NoError(t, err)
			assert.Equal(t, blocks(data, false)+blocks("", true), string(b))
		}
		r.begin("STOR third")
		carry(t, client, server, blocks("third", true))
		r.server.say("226 done")
		r.client.hear("226 done")
		for i, ended := range r.ended() {
			assert.NoError(t, ended.Err, i)
			assert.EqualValues(t, []int{22, 15, 11}[i], ended.Bytes)
		}
		require.NoError(t, client.Close())
		assert.Empty(t, readAll(t, server))
	})
}

func TestABrokenBlockIsNoFile(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("MODE B")
		r.server.hear("MODE B")
		r.server.say("200 block it is")
		r.client.hear("200 block it is")
		client, server := r.passive()
		r.begin("STOR x")
		carry(t, client, server, blocks("half a file", false))
		reset(client)
		r.client.hear("426 transfer failed: the data connection to the client broke; the file on the server is not complete")
		r.server.hear("ABOR")
	})
}

func TestASuccessInOtherModesWaitsUntilNothingMoves(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("MODE Z")
		r.server.hear("MODE Z")
		r.server.say("200 ok")
		r.client.hear("200 ok")
		client, server := r.passive()
		for range 2 { // a server that keeps its data connection
			r.begin("RETR x")
			carry(t, server, client, "deflated")
			r.server.say("226 done")
			r.client.silent()
			pass(2*continuesAtMost + time.Millisecond)
			r.client.hear("226 done")
		}
	})
}

func TestFilesInBlockModeAreCounted(t *testing.T) {
	all := blocks("first file", true) + blocks("", true) + blocks("third", true)
	for size := 1; size <= len(all); size++ {
		var r blockReader
		ends := 0
		for b := []byte(all); len(b) > 0; b = b[min(size, len(b)):] {
			ends += r.read(b[:min(size, len(b))])
		}
		assert.Equal(t, 3, ends, "in pieces of %d bytes", size)
	}
}
