package ftpfwd

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnlyRepliesToPASVAndEPSVAreRewritten(t *testing.T) {
	const fake = "227 Entering Passive Mode (6,6,6,6,1,1)"
	withRig(t, func(r *rig) {
		r.client.send("STAT dir")
		r.server.expect("STAT dir")
		// The name of a file can make a server send such a line.
		r.server.send("213-Status", fake, "213 End")
		r.client.expect("213-Status", fake, "213 End")

		r.server.send(fake, "229 ok (|||257|)") // to no command
		r.client.expect(fake, "229 ok (|||257|)")

		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("213-Late", fake, "213 End")
		r.client.expect("213-Late", fake, "213 End")
		near, _ := r.openListeners()
		assert.Zero(r.t, near)
	})
}

func TestNumbersInReplyBeforePASVsAreNotRewritten(t *testing.T) {
	withRig(t, func(r *rig) {
		_, _ = r.passive() // EPSV is known to work now, and does not hold commands
		r.client.send("PWD", "EPSV")
		r.server.expect("PWD", "EPSV")
		r.server.send(`257 "/a (6,6,6,6,20,1)"`, "229 ok (|||51999|)")
		r.client.expect(`257 "/a (6,6,6,6,20,1)"`)
		assert.NotContains(r.t, r.client.receive(), "51999")
	})
}

func TestAnnouncementBehindSurplusReplyIsRewritten(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("250 one too many", "227 ok (127,0,0,1,200,1)")
		r.client.expect("250 one too many")
		assert.NotContains(r.t, r.client.receive(), "200,1)")
	})
}

func TestEveryLineOfMultiLine227NamesTheSameListener(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("227-Entering (10,0,0,1,4,51)", " text (10,0,0,1,4,51)", "227 Entering (10,0,0,1,4,51).")
		first, text, last := r.client.receive(), r.client.receive(), r.client.receive()
		assert.Equal(r.t, " text (10,0,0,1,4,51)", text)
		assert.Equal(r.t, strings.Replace(first, "-", " ", 1)+".", last)
		assert.Contains(r.t, first, "(127,0,0,1,")
		assert.NotContains(r.t, first, "4,51)")
	})
}

// aioftp 0.15 names the port in the last line only (aio-libs/aioftp#85, #108).
func TestAddressInLastLineOf227IsRewritten(t *testing.T) {
	withRig(t, func(r *rig) {
		l, port := r.serverListener()
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("227-listen socket created", fmt.Sprintf("227 (127,0,0,1,%d,%d)", port>>8, port&0xff))
		r.client.expect("227-listen socket created")
		client := r.clientDials(r.announced("227"))
		r.startTransfer("RETR x")
		r.finishDownload(r.accept(l), client)
	})
}

func TestUnusableAnnouncementPassesUnchanged(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, reply := range []string{
			"227 Entering Passive Mode (1216,256,2,127,127,127)", // curl's test 237
			"229 Entering Extended Passive Mode (|||1000000|)",   // curl's test 238
			"227 Entering Passive Mode (127,0,0,1,0,0)",
			"421 no more ports",
		} {
			r.exchange("PASV", reply)
		}
	})
}

func TestUnusableAnnouncementDoesNotHoldCommands(t *testing.T) {
	const reply = "229 Entering Extended Passive Mode (|1|192.0.2.1|50006|)"
	withRig(t, func(r *rig) {
		began := time.Now()
		r.exchange("EPSV", reply)
		r.client.send("PASV")
		r.server.expect("PASV")
		assert.Zero(r.t, time.Since(began))
		r.server.send("227 Entering Passive Mode (127,0,0,1,200,1)")
		r.announced("227")
	})
	// After another method than the client's, the next is tried.
	withRig(t, func(r *rig) {
		r.client.send("PASV")
		r.refuse("PASV")
		r.server.expect("EPSV")
		r.server.send(reply)
		r.acceptActive("PORT")
		r.announced("227")
	})
}

// inetutils-ftpd replies to PASV on IPv6 as if it were LPSV (RFC 1639).
func Test228ToPASVIsARefusal(t *testing.T) {
	for _, c := range longReplies {
		t.Run(c.product, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.client.send("PASV")
				r.server.expect("PASV")
				r.server.send(c.line)
				r.acceptPassive("EPSV")
				r.announced("227")
			})
		})
	}
}

func TestLooseReplyToEPSVIsReplacedByRFC2428(t *testing.T) {
	for _, c := range looseReplies {
		t.Run(c.product, func(t *testing.T) {
			withRig(t, func(r *rig) {
				l := r.serverListensAt(fmt.Sprintf("127.0.0.1:%d", c.port))
				r.client.send("EPSV")
				r.server.expect("EPSV")
				r.server.send(c.line)
				received := r.client.receive()
				assert.Regexp(r.t, `^229 Entering Extended Passive Mode \(\|\|\|\d+\|\)$`, received)
				_ = r.clientDials(r.addressIn(received))
				_ = r.accept(l)
			})
		})
	}
}

// Some servers reply 227 to EPSV (patrickjuchli/basic-ftp#164), and 229 to PASV
// (python/cpython#127478). Not every client can read that.
func TestReplyIsOfTheKindThatClientAskedFor(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("EPSV")
		r.server.expect("EPSV")
		r.server.send("227-Entering Passive Mode", "227 Entering Passive Mode (91,190,231,97,119,66).")
		r.announced("229")
		r.client.send("PASV")
		r.server.expect("PASV")
		r.server.send("229-Entering Extended Passive Mode (|||4000|)", "229 Entering Extended Passive Mode (|||4000|)")
		r.announced("227")
		r.exchange("NOOP", "200 ok")
	})
}

func TestEPRTAndIPv6LoopbackAreRewrittenInTheSameFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l, err := r.near.Listen(t.Context(), "tcp", "[::1]:2121")
		require.NoError(t, err)
		go func() { _ = r.forwarder.Serve(t.Context(), l) }()
		r.client = newPeer(t, "client", r.clientDials("[::1]:2121"))
		r.server = newPeer(t, "server", r.accept(r.controlListener))
		r.server.send("220 ready")
		r.client.expect("220 ready")

		r.client.send("EPRT |2|::1|51200|")
		received, err := parseExtended(strings.TrimPrefix(r.server.receive(), "EPRT "))
		require.NoError(t, err)
		assert.Equal(t, netip.IPv6Loopback(), received.Addr())
		assert.NotEqualValues(t, 51200, received.Port())
		r.server.send("200 ok")
		r.client.expect("200 ok")

		r.client.send("EPSV")
		r.server.expect("EPSV")
		r.server.send("229 ok (|||200|)")
		reply := r.client.receive()
		start, end := findExtendedPort(reply)
		_ = r.clientDials("[::1]:" + reply[start:end]) // the listener is where the client's control connection went
		_ = l.Close()
		r.close()
	})
}
