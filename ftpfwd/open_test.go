package ftpfwd

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// acceptLater accepts one connection in another goroutine.
func acceptLater(l net.Listener) <-chan net.Conn {
	accepted := make(chan net.Conn, 1)
	go func() { c, _ := l.Accept(); accepted <- c }()
	synctest.Wait()
	return accepted
}

func TestPASVReplacesEPSVThatServerRefuses(t *testing.T) {
	withRig(t, func(r *rig) {
		for range 2 { // the second time EPSV is not tried
			r.client.send("EPSV")
			if r.server.receive() == "EPSV" {
				r.server.send("500-What?", "500 EPSV not understood")
				require.Equal(r.t, "PASV", r.server.receive())
			}
			l, port := r.serverListener()
			r.server.send(reply227(port))
			client := r.clientDials(r.announced("229"))
			server := r.accept(l)
			r.startTransfer("RETR x")
			r.finishDownload(server, client)
		}
		var replaced int
		for _, e := range r.events(Warned) {
			if e.Warning == MethodReplaced {
				assert.ErrorContains(r.t, e.Err, "PASV is used in place of EPSV: the server refuses EPSV: 500")
				replaced++
			}
		}
		assert.Equal(r.t, 1, replaced, "it is reported once")
		tr := r.endedTransfers()[0]
		assert.Equal(r.t, [2]string{"EPSV", "PASV"}, [2]string{tr.Method, tr.ServerMethod})
	})
}

func TestPORTReplacesPASVThatServerRefuses(t *testing.T) {
	for name, clientFirst := range map[string]bool{"client connects first": true, "server connects first": false} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.client.send("PASV")
				r.refuse("PASV", "EPSV")
				at := r.acceptActive("PORT")
				announced := r.announced("227")
				var client net.Conn
				if clientFirst {
					client = r.clientDials(announced)
				}
				r.startTransfer("STOR x")
				server := r.serverDials(at)
				if !clientFirst {
					client = r.clientDials(announced)
				}
				r.finishUpload(client, server)
				assert.Equal(r.t, "PORT", r.endedTransfer().ServerMethod)
			})
		})
	}
}

// pyftpdlib connects before it replies to PORT.
func TestServerConnectsBeforeItRepliesToPORT(t *testing.T) {
	withRig(t, func(r *rig) {
		l, hostPort := r.clientListener()
		r.client.send("PORT " + hostPort)
		server := r.serverDials(r.addressIn(r.server.receive()))
		client := r.accept(l)
		r.client.expectNothing()
		r.server.send("200 Active data connection established.")
		r.client.expect("200 Active data connection established.")
		r.startTransfer("RETR x")
		r.finishDownload(server, client)
		assert.Equal(r.t, "localhost:21", r.events(SessionOpened)[0].Server)
	})
}

func TestServerConnectsBeforePassiveClientHasItsReply(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PASV")
		server := r.serverDials(r.addressIn(r.server.receive()))
		r.client.expectNothing()
		r.server.send("200 connected")
		client := r.clientDials(r.announced("227"))
		r.startTransfer("RETR x")
		r.finishDownload(server, client)
	}, func(r *rig) { r.forwarder.ServerMode = Active })
}

func TestEPSVReplacesPORTWhenGatewayRefusesToListen(t *testing.T) {
	withRig(t, func(r *rig) {
		l, hostPort := r.clientListener()
		r.client.send("PORT " + hostPort)
		for _, name := range []string{"one", "two"} { // one PORT, two transfers
			if name == "two" {
				r.client.send("RETR two")
			}
			server := r.accept(r.acceptPassive("EPSV")) // at once: servers wait for it before they announce
			if name == "one" {
				r.client.expect("200 PORT command successful")
				r.client.send("RETR one")
			}
			r.server.expect("RETR " + name)
			connected := acceptLater(l)
			require.Empty(r.t, connected, "the client is dialled before the transfer is announced")
			r.server.send("150 here it comes")
			r.client.expect("150 here it comes")
			r.finishDownload(server, <-connected)
		}
	}, func(r *rig) { r.forwarder.Remote = listenRefused{resolving{r.far}} })
}

func TestActiveClientIsNotDialledForRefusedTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		l, hostPort := r.clientListener()
		r.client.send("PORT " + hostPort)
		server := r.accept(r.acceptPassive("EPSV"))
		r.client.expect("200 PORT command successful")
		r.exchange("RETR none", "550 no such file")
		assert.Empty(r.t, readData(r.t, server), "the server's connection is closed")
		assert.Empty(r.t, acceptLater(l))
	}, func(r *rig) { r.forwarder.ServerMode = Passive })
}

func TestEPSVWithFamilyIsRepeatedWithoutFamily(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("EPSV 1")
		r.server.expect("EPSV 1")
		r.server.send("522 Network protocol not supported, use (2)")
		r.acceptPassive("EPSV")
		r.announced("229")
	})
}

func TestNoOtherMethodIsTriedAfterEPSVALL(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("EPSV ALL", "200 ok")
		r.exchange("EPSV", "425 no port free")
		r.server.expectNothing()
	})
}

// Clients connect before they send the transfer command, together with it, or
// after it.
func TestTransferUsesConnectionWheneverClientConnects(t *testing.T) {
	for _, connects := range []string{"before its command", "with its command", "after its command", "after the 150"} {
		t.Run(connects, func(t *testing.T) {
			withRig(t, func(r *rig) {
				l, port := r.serverListener()
				at := r.epsv(port)
				var client net.Conn
				if connects == "before its command" {
					client = r.clientDials(at)
				}
				r.client.send("RETR x")
				if connects == "with its command" {
					r.server.expectNothing()
					client = r.clientDials(at)
				}
				r.server.expect("RETR x")
				if connects == "after its command" {
					client = r.clientDials(at)
				}
				r.server.send("150 opening the data connection")
				r.client.expect("150 opening the data connection")
				if client == nil {
					client = r.clientDials(at)
				}
				r.finishDownload(r.accept(l), client)
				tr := r.endedTransfer()
				assert.NoError(r.t, tr.Err)
				assert.EqualValues(r.t, 4, tr.Bytes)
			})
		})
	}
}

func TestTransferCommandWaitsBrieflyForClientToConnect(t *testing.T) {
	withRig(t, func(r *rig) {
		_ = r.epsv(4000)
		r.client.send("RETR x")
		r.server.expectNothing()
		advance(gatherAtMost + time.Millisecond)
		r.server.expect("RETR x") // some clients connect after their command
	})
	withRig(t, func(r *rig) {
		l, port := r.serverListener()
		at := r.epsv(port)
		r.client.send("RETR x")
		r.server.expectNothing()
		began := time.Now()
		_ = r.clientDials(at)
		_ = r.accept(l)
		r.server.expect("RETR x")
		assert.Zero(r.t, time.Since(began), "it waits only until the client has connected")
	})
}

func TestHeldCommandsContinueInExactModeWhenServerDoesNotReply(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("EPSV", "NOOP")
		r.server.expect("EPSV")
		r.server.expectNothing()
		advance(openAtMost + time.Second)
		r.server.expect("NOOP")
		r.server.send("229 late (|||4000|)", "200 ok")
		assert.Regexp(r.t, `^229 late \(\|\|\|\d+\|\)$`, r.client.receive())
		r.client.expect("200 ok")
	}, exactMode)
}

// Another method would be sent behind the commands that follow.
func TestRefusalBehindWhichCommandsWereSentIsRelayed(t *testing.T) {
	t.Run("because it came late", func(t *testing.T) {
		withRig(t, func(r *rig) {
			r.client.send("EPSV", "NOOP")
			r.server.expect("EPSV")
			advance(openAtMost + time.Second)
			r.server.expect("NOOP")
			r.server.send("500 late", "200 ok")
			r.client.expect("500 late", "200 ok")
			r.server.expectNothing()
		}, exactMode)
	})
	t.Run("because EPSV was known to work", func(t *testing.T) {
		withRig(t, func(r *rig) {
			r.passive()
			r.client.send("EPSV", "NOOP")
			r.server.expect("EPSV", "NOOP")
			r.server.send("500 no", "200 ok")
			r.client.expect("500 no", "200 ok")
			r.server.expectNothing()
		})
	})
}

func TestReplyToAnotherCommandDoesNotEndTheTimeLimitOfTheOneThatHolds(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive() // EPSV has worked, and holds no commands
		require.NoError(r.t, client.Close())
		require.NoError(r.t, server.Close())
		r.client.send("EPSV", "PORT 127,0,0,1,200,1", "NOOP")
		r.server.expect("EPSV")
		assert.Contains(r.t, r.server.receive(), "PORT ")
		r.server.send("229 ok (|||4000|)")
		assert.Contains(r.t, r.client.receive(), "229 ")
		r.server.expectNothing()
		advance(openAtMost + time.Second) // the server never replies to PORT
		assert.Contains(r.t, r.server.receive(), "EPRT ")
	})
}

func TestRouterSpellingOfPASVIsPASV(t *testing.T) {
	withRig(t, func(r *rig) {
		l, port := r.serverListener()
		r.client.send("P@SW")
		r.server.expect("PASV")
		r.server.send(reply227(port))
		client := r.clientDials(r.announced("227"))
		server := r.accept(l)
		r.startTransfer("RETR x")
		r.finishDownload(server, client)
	})
}

func TestEPSVForAnotherNetworkProtocolIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, argument := range []string{"2", "3", "9"} {
			r.client.send("EPSV " + argument)
			assert.Regexp(r.t, `^522 .*\(1\)$`, r.client.receive())
			r.server.expectNothing()
		}
		r.client.send("EPSV 1")
		r.server.expect("EPSV 1")
	})
}

// An FTP server that does not know EPSV and says nothing.
func TestAnotherMethodIsTriedWhenServerDoesNotAnswer(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("EPSV")
		r.server.expect("EPSV")
		began := time.Now()
		l := r.acceptPassive("PASV")
		assert.Equal(r.t, openAtMost, time.Since(began))
		client := r.clientDials(r.announced("229"))
		server := r.accept(l)
		r.startTransfer("RETR x")
		r.finishDownload(server, client)
		r.client.send("EPSV")
		r.acceptPassive("PASV") // first, in this session
		r.announced("229")
	})
}
