package ftpfwd

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Replies that are not plainly the answer to a command, or to another than the
// server meant.

// A server replies in order, whatever the client has pipelined behind a transfer.
func TestRefusalEndsTransferThoughCommandsFollowIt(t *testing.T) {
	for _, refusal := range []string{"450 busy", "500 what", "550 no room", "553 not so", "550-no\r\n room\r\n550 at all"} {
		for _, behind := range []string{"PORT", "EPSV", "PASV", "CWD x", "TYPE I"} {
			for _, verb := range []string{"STOR", "RETR"} {
				t.Run(fmt.Sprintf("%.3s to %s with %s behind", refusal, verb, behind), func(t *testing.T) {
					withRig(t, func(r *rig) { r.refuseBegun(verb, refusal, behind) })
				})
			}
		}
	}
}

// refuseBegun refuses a transfer that has begun, with a command pipelined behind
// it, and accepts that.
func (r *rig) refuseBegun(verb, refusal, behind string) {
	client, server := r.passive()
	next := behind
	if behind == "PORT" {
		_, hostPort := r.clientListener()
		next = "PORT " + hostPort
	}
	r.client.send(verb+" x", next)
	r.server.expect(verb + " x")
	got := parseCommand([]byte(r.server.receive()))
	require.Equal(r.t, parseCommand([]byte(next)).verb, got.verb)
	r.server.send("150 here")
	r.client.expect("150 here")
	if verb == "STOR" {
		sendData(r.t, client, server, "part")
	} else {
		sendData(r.t, server, client, "part")
	}
	require.NoError(r.t, server.Close())
	r.server.send(strings.Split(refusal, "\r\n")...)
	accepted := acceptance(got.verb)
	r.server.send(accepted)
	r.client.expect(strings.Split(refusal, "\r\n")...)
	if code := accepted[:3]; code == "200" {
		r.client.expect(accepted)
	} else {
		r.announced(code)
	}
	ended := r.endedTransfer()
	assert.ErrorContains(r.t, ended.Err, refusal[:3])
	assert.Equal(r.t, Server, ended.Blame)
	r.exchange("NOOP", "200 in step")
}

// acceptance returns a server's success to a command.
func acceptance(verb string) string {
	switch verb {
	case "PASV":
		return reply227(4000)
	case "EPSV":
		return reply229(4000)
	}
	return "200 " + verb + " done"
}

// Pure-FTPd refuses a NOOP while a transfer runs, and others answer it behind the
// transfer.
func TestRefusalBehindTransferIsDecidedByNextReply(t *testing.T) {
	for _, c := range []struct {
		command, refusal, next string
		err                    string // of the transfer
	}{
		{"NOOP", "500 what", "226 stored", ""},
		{"NOOP", "500 what", "200 noop", "500 what"},
		{"NOOP", "553 no", "200 noop", "553 no"},
		{"NOOP", "450 no", "200 noop", "450 no"},
		{"STAT", "502 what", "226 stored", ""},
		{"STAT", "502 what", "211 status", "502 what"},
		{"STAT", "550 no", "211 status", "550 no"},
		{"ABOR", "500 what", "225 none", "500 what"},
		{"ABOR", "500 what", "226 none", "500 what"},
		{"ABOR", "550 no", "226 none", "550 no"},
	} {
		t.Run(c.refusal+" behind "+c.command+", "+c.next, func(t *testing.T) {
			withRig(t, func(r *rig) {
				client, server := r.passive()
				r.startTransfer("STOR x")
				r.moveData(client, server)
				synctest.Wait()
				r.client.send("AUTH TLS", c.command, "AUTH TLS")
				r.server.expect(c.command)
				r.server.send(c.refusal)
				r.client.expect(c.refusal)
				r.server.send(c.next)
				if c.err == "" {
					r.client.expect(c.next)
					assert.Contains(t, r.client.receive(), "534 ")
				} else {
					assert.Contains(t, r.client.receive(), "534 ")
					r.client.expect(c.next)
				}
				assert.Contains(t, r.client.receive(), "534 ")
				r.exchange("NOOP", "200 in step")
				if ended := r.endedTransfer(); c.err == "" {
					assert.NoError(r.t, ended.Err)
				} else {
					assert.EqualError(r.t, ended.Err, c.err)
				}
			})
		})
	}
}

// A server that refuses one NOOP and not the next has refused the transfer.
func TestRepliesInOrderAreThoseOfCommandsBehindRefusedTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		r.moveData(client, server)
		r.client.send("NOOP", "AUTH TLS", "NOOP")
		r.server.expect("NOOP", "NOOP")
		r.server.send("500 what", "200 first", "200 second")
		r.client.expect("500 what", "200 first")
		assert.Contains(t, r.client.receive(), "534 ")
		r.client.expect("200 second")
		assert.EqualError(r.t, r.endedTransfer().Err, "500 what")
	})
}

func TestReplyThatIsNoAddressDoesNotStallClient(t *testing.T) {
	for _, reply := range []string{"200 ok", "226 done", "250 fine", "426 aborted", "314 no", "120 wait"} {
		t.Run(reply, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.exchange("EPSV", reply)
				began := time.Now()
				l, port := r.serverListener()
				r.client.send("PASV")
				r.server.expect("PASV")
				r.server.send(reply227(port))
				client := r.clientDials(r.announced("227"))
				assert.Less(r.t, time.Since(began), time.Second)
				server := r.accept(l)
				r.startTransfer("RETR x")
				r.finishDownload(server, client)
				assert.NoError(r.t, r.endedTransfer().Err)
			})
		})
	}
}

// The server's reply to the EPSV comes late: the client has long gone on.
func TestLateAddressIsNotTakenForNextReply(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("EPSV", "250 of something else")
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send(reply229(4000), reply227(4001))
		r.announced("227")
		r.exchange("NOOP", "200 in step")
	})
}

func TestTransferWithoutAnnouncementEndsWith200(t *testing.T) {
	for _, reply := range []string{"200 sent", "250 sent"} {
		t.Run(reply, func(t *testing.T) {
			withRig(t, func(r *rig) {
				client, server := r.passive()
				r.client.send("RETR x")
				r.server.expect("RETR x")
				r.moveData(server, client)
				r.server.send(reply)
				r.client.expect(reply)
				r.client.send("AUTH TLS")
				assert.Contains(r.t, r.client.receive(), "534 ")
				r.exchange("NOOP", "200 in step")
				ended := r.endedTransfer()
				assert.NoError(r.t, ended.Err)
				assert.EqualValues(r.t, 4, ended.Bytes)
			})
		})
	}
}

func TestDroppedTransferIsReportedWhenServerAnswersNextCommand(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		sendData(r.t, server, client, "part")
		require.NoError(r.t, server.Close())
		r.client.send("PASV") // pyftpdlib drops the RETR
		r.server.expect("PASV")
		r.server.send(reply227(4000))
		r.announced("227")
		assert.ErrorIs(r.t, r.endedTransfer().Err, errUnanswered)
	})
}

func TestClientWaitsWhenItHasPipelinedTooManyTransfers(t *testing.T) {
	withRig(t, func(r *rig) {
		r.passive()
		go func() { _, _ = r.client.conn.Write([]byte(strings.Repeat("RETR x\r\n", 4*maxHolding))) }()
		for range maxHolding {
			r.server.expect("RETR x")
		}
		r.server.expectNothing()
		for range 3 * maxHolding {
			r.server.send("550 no")
			r.server.expect("RETR x")
			r.client.expect("550 no")
		}
		assert.Len(r.t, r.endedTransfers(), 3*maxHolding)
	})
}

// The client waits for the reply to its own command.
func TestReplyThatIsNoAddressToCommandOfOursGoesNoFurther(t *testing.T) {
	for _, reply := range []string{"200 ok", "226 done", "426 aborted"} {
		withRig(t, func(r *rig) {
			l, hostPort := r.clientListener()
			r.client.send("PORT " + hostPort)
			r.server.expect("EPSV")
			r.server.send(reply)
			listener := r.acceptPassive("PASV")
			r.client.expect("200 PORT command successful")
			server := r.accept(listener)
			r.startTransfer("RETR x")
			r.finishDownload(server, r.accept(l))
		}, func(r *rig) { r.forwarder.Remote = listenRefused{resolving{r.far}} })
	}
}

func TestPreliminaryReplyToCommandOfOursGoesNoFurther(t *testing.T) {
	for _, answers := range []bool{true, false} {
		withRig(t, func(r *rig) {
			_, hostPort := r.clientListener()
			_, port := r.serverListener()
			r.client.send("PORT " + hostPort)
			r.server.expect("EPSV")
			r.server.send("120-wait", " a moment", "120 or two")
			if answers {
				r.server.send(reply229(port))
			} else {
				r.server.expect("PASV")
				r.server.send(reply227(port))
			}
			r.client.expect("200 PORT command successful")
			r.exchange("NOOP", "200 in step")
		}, func(r *rig) { r.forwarder.Remote = listenRefused{resolving{r.far}} })
		withRig(t, func(r *rig) {
			r.client.send("EPSV")
			got := r.server.receive()
			require.Contains(r.t, got, "PORT ")
			r.server.send("120 wait")
			if !answers {
				require.Contains(r.t, r.server.receive(), "EPRT ")
			}
			r.server.send("200 at last")
			r.announced("229")
			r.exchange("NOOP", "200 in step")
		}, func(r *rig) { r.forwarder.ServerMode = Active })
	}
}

// Whatever became of the commands of ours before it, the server's refusal of a
// command of the client's is the client's.
func TestRefusalBehindCommandOfOursThatHadNoAnswerIsTheClients(t *testing.T) {
	for name, answers := range map[string]func(r *rig){
		"another reply": func(r *rig) { r.server.send("200 ok") },
		"none":          func(*rig) { advance(openAtMost) },
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.client.send("PASV")
				r.refuse("PASV")
				r.server.expect("EPSV")
				answers(r)
				r.acceptActive("PORT")
				r.announced("227")
				r.client.send("RETR x")
				r.server.expect("RETR x")
				r.server.send("550 no such file")
				r.client.expect("550 no such file")
				r.exchange("NOOP", "200 in step")
				assert.EqualError(r.t, r.endedTransfer().Err, "550 no such file")
			})
		})
	}
}

func TestActiveClientIsConnectedThoughServerAnnouncesNothing(t *testing.T) {
	withRig(t, func(r *rig) {
		l, hostPort := r.clientListener()
		r.client.send("PORT " + hostPort)
		listener := r.acceptPassive("EPSV")
		r.client.expect("200 PORT command successful")
		server := r.accept(listener)
		r.exchange("RETR x", "200 here it comes")
		r.moveData(server, r.accept(l))
		r.exchange("PWD", "257 in step")
		assert.NoError(r.t, r.endedTransfer().Err)
	}, func(r *rig) { r.forwarder.Remote = listenRefused{resolving{r.far}} })
}
