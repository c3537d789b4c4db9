package ftpfwd

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Servers that do not answer PASV, EPSV, PORT or EPRT, or late.

func TestLateAnswersToGivenUpMethodsAreDropped(t *testing.T) {
	for _, late := range []string{reply229(4001), "502 no EPSV"} {
		withRig(t, func(r *rig) {
			r.client.send("EPSV")
			r.server.expect("EPSV", "PASV")
			r.server.send(late, reply227(4000))
			r.announced("229")
			r.exchange("NOOP", "200 in step")
		})
	}
}

// Whatever the server and the gateway leave out, the client gets a reply.
func TestPathThatNobodyAnswersIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PORT 127,0,0,1,200,1")
		r.server.expect("EPSV", "PASV")
		began := time.Now()
		assert.Contains(r.t, r.client.receive(), "425 PORT refused: ")
		assert.LessOrEqual(r.t, time.Since(began), 2*openAtMost)
		r.exchange("NOOP", "200 in step")
	}, func(r *rig) {
		r.forwarder.Remote = listenRefused{resolving{r.far}}
	})
}

// openersOf are the client's commands that open a path, for a listener of its own.
func (r *rig) openersOf() []string {
	l, hostPort := r.clientListener()
	return []string{"PORT " + hostPort, "EPRT " + formatExtended(addrOf(l.Addr())), "PASV", "EPSV"}
}

// repliesOfAllKinds are commands of the client's with replies.
var repliesOfAllKinds = [][2]string{
	{"PWD", "257 /"}, {"TYPE I", "200 ok"}, {"NOOP", "200 ok"}, {"DELE x", "250 gone"}, {"DELE x", "550 no"}, {"SIZE x", "213 4"},
	{"RNFR x", "350 go on"}, {"SITE CHMOD 644 x", "200 done"}, {"USER bob", "331 password"}, {"PASS x", "530 no"}, {"SITE x", "500 what"}, {"RETR x", "550 no such file"},
}

// A server may go on to ignore what it does not know, and the client's next command
// still has its own reply.
func TestCommandBehindUnansweredPathHasItsReply(t *testing.T) {
	gateways := map[string]func(*rig){
		"":                            func(*rig) {},
		", gateway without listeners": func(r *rig) { r.forwarder.Remote = listenRefused{resolving{r.far}} },
	}
	for i := range 4 {
		for _, c := range repliesOfAllKinds {
			if c[0] == "RETR x" {
				continue // is refused here
			}
			for name, gateway := range gateways {
				withRig(t, func(r *rig) {
					opener := r.openersOf()[i]
					r.client.send(opener)
					require.Contains(r.t, r.client.receive(), "425 ", "%s%s", opener, name)
					r.client.send(c[0])
					for r.server.receive() != c[0] {
					}
					r.server.send(c[1])
					r.client.expect(c[1])
					r.exchange("NOOP", "200 in step")
				}, gateway)
			}
		}
	}
}

func TestCommandBehindPathOfSecondMethodHasItsReply(t *testing.T) {
	for i := range 4 {
		for _, c := range repliesOfAllKinds {
			withRig(t, func(r *rig) {
				opener := r.openersOf()[i]
				r.client.send(opener)
				_ = r.server.receive() // and does not answer
				r.server.send(acceptance(parseCommand([]byte(r.server.receive())).verb))
				require.Equal(r.t, "2", r.client.receive()[:1], opener)
				r.exchange(c[0], c[1])
				r.exchange("NOOP", "200 in step")
			})
		}
	}
}

func TestPreliminaryReplyToPORTDoesNotStallClient(t *testing.T) {
	for _, late := range []string{"", "200 at last"} {
		for i := range 2 {
			withRig(t, func(r *rig) {
				r.client.send(r.openersOf()[i])
				_ = r.server.receive()
				r.server.send("120 wait")
				r.client.expect("120 wait")
				began := time.Now()
				r.client.send("DELE x")
				r.server.expect("DELE x")
				assert.Less(r.t, time.Since(began), time.Second)
				if late != "" {
					r.server.send(late)
				}
				r.server.send("250 gone")
				r.client.expect("250 gone")
				r.exchange("NOOP", "200 in step")
			})
		}
	}
}

// The server has its time from when it is free.
func TestPASVHasItsTimeBehindTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("RETR x")
		r.client.send("PASV")
		r.server.expect("PASV")
		advance(openAtMost - time.Second) // the server is busy
		r.finishDownload(server, client)
		advance(2 * time.Second)
		r.server.expectNothing() // it has had two seconds
		r.server.send(reply227(4000))
		r.announced("227")
	})
}
