package ftpfwd

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serverListen is where the server waits for its data connection, and the port
// of it.
func (r *rig) serverData() (l net.Listener, port uint16) {
	l, err := r.far.Listen(r.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	r.opened = append(r.opened, l)
	return l, addrOf(l.Addr()).Port()
}

// clientData is where the client waits for its data connection, and what it
// says about it.
func (r *rig) clientData() (l net.Listener, numbers string) {
	l, err := r.near.Listen(r.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	r.opened = append(r.opened, l)
	return l, formatHostPort(addrOf(l.Addr()))
}

func said227(port uint16) string {
	return fmt.Sprintf("227 Entering Passive Mode (127,0,0,1,%d,%d).", port>>8, port&0xff)
}

// heardPort returns the address that a PORT, EPRT, 227 or 229 names.
func (r *rig) heardPort(line string) string {
	r.t.Helper()
	if a, err := parseExtended(strings.TrimPrefix(line, "EPRT ")); err == nil {
		return a.String()
	}
	a, ok := findAnnouncement(227, line)
	require.True(r.t, ok, line)
	return fmt.Sprintf("127.0.0.1:%d", a.addr.Port())
}

// download moves data from the server's end to the client's and ends it well.
func (r *rig) download(server, client net.Conn) {
	r.t.Helper()
	write(r.t, server, "data")
	require.NoError(r.t, server.Close())
	assert.Equal(r.t, "data", readAll(r.t, client))
	require.NoError(r.t, client.Close())
	r.server.say("226 done")
	r.client.hear("226 done")
}

func TestAPassiveClientIsServedByAServerThatKnowsOnlyPASV(t *testing.T) {
	withRig(t, func(r *rig) {
		for range 2 { // the second time nothing is tried that was refused
			r.client.say("EPSV")
			if r.server.line() == "EPSV" {
				r.server.say("500-What?", "500 EPSV not understood")
				r.server.hear("PASV")
			}
			l, port := r.serverData()
			r.server.say(said227(port))
			heard := r.client.line()
			require.Regexp(t, `^229 .*\(\|\|\|\d+\|\)$`, heard)
			client, err := r.near.DialContext(t.Context(), "tcp", r.heardPort(heard))
			require.NoError(t, err)
			server := r.accept(l)
			r.begin("RETR x")
			r.download(server, client)
		}
		var moves int
		for _, e := range r.told(Warned) {
			if e.Warning == MethodReplaced {
				assert.ErrorContains(t, e.Err, "PASV is used in place of EPSV: the server refuses EPSV: 500")
				moves++
			}
		}
		assert.Equal(t, 1, moves, "it is reported once")
		tr := r.ended()[0]
		assert.Equal(t, [2]string{"EPSV", "PASV"}, [2]string{tr.Method, tr.ServerMethod})
	})
}

func TestAPassiveClientIsServedByAServerThatKnowsOnlyPORT(t *testing.T) {
	for _, clientFirst := range []bool{true, false} {
		withRig(t, func(r *rig) {
			r.client.say("PASV")
			r.declines("PASV", "EPSV")
			command := r.server.line()
			require.Regexp(t, "^PORT 127,0,0,1,", command)
			r.server.say("200 PORT it is")
			heard := r.client.line()
			require.Regexp(t, `^227 .*\(127,0,0,1,\d+,\d+\)$`, heard)
			dialClient := func() net.Conn {
				c, err := r.near.DialContext(t.Context(), "tcp", r.heardPort(heard))
				require.NoError(t, err)
				return c
			}
			var client net.Conn
			if clientFirst {
				client = dialClient()
			}
			r.begin("STOR x")
			server, err := r.far.DialContext(t.Context(), "tcp", r.heardPort(command))
			require.NoError(t, err)
			if !clientFirst {
				client = dialClient()
			}
			write(t, client, "data")
			require.NoError(t, client.Close())
			assert.Equal(t, "data", readAll(t, server))
			require.NoError(t, server.Close())
			r.server.say("226 done")
			r.client.hear("226 done")
			assert.Equal(t, "PORT", r.transfer().ServerMethod)
		})
	}
}

// pyftpdlib connects before it answers PORT.
func TestAServerMayConnectBeforeItAnswersPORT(t *testing.T) {
	withRig(t, func(r *rig) {
		l, numbers := r.clientData()
		r.client.say("PORT " + numbers)
		server, err := r.far.DialContext(t.Context(), "tcp", r.heardPort(r.server.line()))
		require.NoError(t, err)
		client := r.accept(l)
		r.client.silent()
		r.server.say("200 Active data connection established.")
		r.client.hear("200 Active data connection established.")
		r.begin("RETR x")
		r.download(server, client)
		assert.Equal(t, "localhost:21", r.told(SessionOpened)[0].Server)
	})
}

func TestAServerMayConnectBeforeAPassiveClientIsAnswered(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASV")
		command := r.server.line()
		server, err := r.far.DialContext(t.Context(), "tcp", r.heardPort(command))
		require.NoError(t, err)
		r.client.silent()
		r.server.say("200 connected")
		client, err := r.near.DialContext(t.Context(), "tcp", r.heardPort(r.client.line()))
		require.NoError(t, err)
		r.begin("RETR x")
		r.download(server, client)
	}, func(r *rig) { r.forwarder.ServerMode = Active })
}

func TestAnActiveClientIsServedThroughAGatewayThatDoesNotListen(t *testing.T) {
	withRig(t, func(r *rig) {
		l, numbers := r.clientData()
		r.client.say("PORT " + numbers)
		for _, name := range []string{"one", "two"} { // one PORT, two transfers
			if name == "two" {
				r.client.say("RETR two")
			}
			r.server.hear("EPSV")
			there, port := r.serverData()
			r.server.say(fmt.Sprintf("229 ok (|||%d|)", port))
			server := r.accept(there) // at once: servers wait for it before they announce
			if name == "one" {
				r.client.hear("200 PORT command successful")
				r.client.say("RETR one")
			}
			r.server.hear("RETR " + name)
			connected := make(chan net.Conn, 1)
			go func() { c, _ := l.Accept(); connected <- c }()
			synctest.Wait()
			require.Empty(t, connected, "the client is not connected to before the transfer is announced")
			r.server.say("150 here it comes")
			r.client.hear("150 here it comes")
			r.download(server, <-connected)
		}
	}, func(r *rig) { r.forwarder.Remote = deaf{named{r.far}} })
}

func TestAnActiveClientIsNotConnectedToForARefusedTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		l, numbers := r.clientData()
		r.client.say("PORT " + numbers)
		r.server.hear("EPSV")
		there, port := r.serverData()
		r.server.say(fmt.Sprintf("229 ok (|||%d|)", port))
		server := r.accept(there)
		r.client.hear("200 PORT command successful")
		r.client.say("RETR none")
		r.server.hear("RETR none")
		r.server.say("550 no such file")
		r.client.hear("550 no such file")
		assert.Empty(t, readAll(t, server), "the server's side is given up")
		connected := make(chan net.Conn, 1)
		go func() { c, _ := l.Accept(); connected <- c }()
		synctest.Wait()
		assert.Empty(t, connected)
	}, func(r *rig) { r.forwarder.ServerMode = Passive })
}

func TestAServerOnIPv6IsAskedInItsFamily(t *testing.T) {
	withRig(t, func(r *rig) {
		l, numbers := r.clientData()
		r.client.say("PORT " + numbers)
		require.Contains(t, r.server.line(), "PORT 127,0,0,1,")
		r.server.say("500 Illegal PORT command.")
		require.Contains(t, r.server.line(), "EPRT |1|127.0.0.1|")
		r.server.say("522 Network protocol not supported, use (2)")
		command := r.server.line()
		require.Contains(t, command, "EPRT |2|::1|")
		r.server.say("200 EPRT ok")
		r.client.hear("200 PORT command successful")
		r.begin("RETR x")
		server, err := r.far.DialContext(t.Context(), "tcp", r.heardPort(command))
		require.NoError(t, err)
		r.download(server, r.accept(l))
	})
}

func TestEPSVWithAFamilyIsAskedWithoutIfThatIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("EPSV 1")
		r.server.hear("EPSV 1")
		r.server.say("522 Network protocol not supported, use (2)")
		r.server.hear("EPSV")
		r.server.say("229 ok (|||4000|)")
		assert.Regexp(t, `^229 ok \(\|\|\|\d+\|\)$`, r.client.line())
	})
}

func TestNothingIsTriedBehindEPSVALL(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("EPSV ALL")
		r.server.hear("EPSV ALL")
		r.server.say("200 ok")
		r.client.hear("200 ok")
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say("425 no port free")
		r.client.hear("425 no port free")
		r.server.silent()
	})
}

func TestARefusalThatIsAboutTheLoginIsTheClients(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, refusal := range []string{"530 Please login", "503 Bad sequence", "421 Too many users", "534 Policy requires SSL."} {
			r.client.say("PASV")
			r.server.hear("PASV")
			r.server.say(refusal)
			r.client.hear(refusal)
			r.server.silent()
		}
		r.client.say("PORT 127,0,0,1,200,1")
		_ = r.server.line()
		r.server.say("530 Please login")
		r.client.hear("530 Please login")
	})
}

func TestTheRefusalOfTheClientsOwnCommandIsWhatItHears(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("502-Not here", "502 PASV is not known")
		r.declines("EPSV", "PORT", "EPRT", "EPRT")
		r.client.hear("502 Not here")
		assert.Equal(t, "no data connection", r.told(Warned)[0].Text)
	})
}

func TestAClientsOwnWayIsTriedAgainAfterAWhile(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		r.client.say("EPSV")
		r.declines("EPSV")
		r.server.hear("PASV")
		r.server.say(said227(4000))
		_ = r.client.line()
		pass(methodFailureLasts)
		r.client.say("EPSV")
		r.server.hear("EPSV")
	})
}

func TestTheServerModeCanBeForced(t *testing.T) {
	withRig(t, func(r *rig) {
		_, numbers := r.clientData()
		r.client.say("EPRT |1|127.0.0.1|50000|")
		r.server.hear("EPSV")
		_, port := r.serverData()
		r.server.say(fmt.Sprintf("229 ok (|||%d|)", port))
		r.client.hear("200 EPRT command successful")
		r.client.say("PORT " + numbers)
		r.server.hear("EPSV")
	}, func(r *rig) { r.forwarder.ServerMode = Passive })
	withRig(t, func(r *rig) {
		r.client.say("EPSV")
		assert.Contains(t, r.server.line(), "PORT 127,0,0,1,")
		r.server.say("200 ok")
		assert.Contains(t, r.client.line(), "229 ")
	}, func(r *rig) { r.forwarder.ServerMode = Active })
}

func TestACommandWaitsOnlyForAServerThatAnswers(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("EPSV", "NOOP")
		r.server.hear("EPSV")
		r.server.silent()
		pass(openAtMost + time.Second)
		r.server.hear("NOOP")
		r.server.say("229 late (|||4000|)", "200 ok")
		assert.Regexp(t, `^229 late \(\|\|\|\d+\|\)$`, r.client.line())
		r.client.hear("200 ok")
	})
}
