package ftpfwd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsNotOursPassesByteForByte(t *testing.T) {
	commands := []string{
		"USER b\xf6b\r\n",
		"pwd\n",                // a bare LF
		"MKD a\r\x00b\r\n",     // CR NUL in a name, RFC 2640
		"CWD \xff\xff\x00\r\n", // 8 bits, NUL
		" NOOP \r\n",           // blanks
		"SITE " + strings.Repeat("x", 5000) + "\r\n", // longer than what is looked at
		"HOST ftp.example.com\r\n",                   // RFC 7151
		"PRET RETR x\r\n",
		"OPTS UTF8 ON\r\n",
		"RNFR na\xc3\xafve file \xc3\xbc\r\n",
		"STAT /a b\r\n",
		"\r\n",
	}
	replies := []string{
		"331-one\r\n 227 Entering (1,2,3,4,5,6)\r\n331 two\r\n",
		"\xff\xfe\x06257 \"x\"\r\n", // Telnet negotiation sticks to the reply
		"250 naked\n",
		"200 " + strings.Repeat("y", 17000) + "\r\n",
		"no code at all\r\n",
	}
	withRig(t, func(r *rig) {
		for _, c := range commands {
			r.client.raw(c)
			r.server.hearBytes(c)
		}
		for _, reply := range replies {
			r.server.raw(reply)
			r.client.hearBytes(reply)
		}
	})
}

func TestAnIncompleteLastLineIsDeliveredAtTheEnd(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.raw("QUI")
		r.server.silent()
		closeWriteOf(t, r.client.conn)
		r.server.hearBytes("QUI")
		r.server.over()
		r.server.raw("221 by")
		require.NoError(t, r.server.conn.Close())
		r.client.hearBytes("221 by")
		r.client.over()
	})
}

func TestTheTelnetPrefixOfAnAbortIsDropped(t *testing.T) {
	for _, said := range []string{
		"\xff\xf4\xff\xf2ABOR\r\n", // as tnftp, inetutils and lftp send it
		"\xff\xf4\xffABOR\r\n",     // as ncftp's arrives where a byte was lost
		"\xff\xf4\xf2ABOR\r\n",     // as tnftp's does
	} {
		withRig(t, func(r *rig) {
			r.client.raw(said)
			r.server.hear("ABOR")
		})
	}
}

func TestTheClientGetsA421WhenTheServerCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.far.Dialled = func(string) error { return errors.New("connection refused") } })
		conn, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:2121")
		require.NoError(t, err)
		assert.Equal(t, "421 connection refused\r\n", readAll(t, conn))
		require.NoError(t, conn.Close())
		r.stop()
	})
}

func TestTheClientGetsA421WhenTheTunnelIsLostOrStops(t *testing.T) {
	for want, end := range map[string]func(*rig){
		"421 control connection to the FTP server: connection lost": func(r *rig) { r.far.Fail(errLost) },
		"421 the tunnel is shutting down":                           func(r *rig) { r.stop() },
	} {
		withRig(t, func(r *rig) {
			end(r)
			r.client.hear(want)
			r.client.over()
		})
	}
}

func TestAServerThatIsNotFTPPassesAndIsTold(t *testing.T) {
	for _, banner := range []string{"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n", "\x15\x03\x01\x00\x02"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.connect()
			r.server.raw(banner)
			r.client.hearBytes(banner)
			r.client.raw("PASV \x00\x01")
			r.server.hearBytes("PASV \x00\x01")
			noticed := r.told(Warned)
			require.Len(t, noticed, 1)
			assert.Equal(t, NotFTP, noticed[0].Warning)
			assert.ErrorContains(t, noticed[0].Err, "not an FTP server")
			r.close()
		})
	}
}

func TestAClientThatSpeaksTLSAtOncePassesAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.connect()
		r.client.raw("\x16\x03\x01\x02")
		r.server.hearBytes("\x16\x03\x01\x02")
		assert.ErrorContains(t, r.told(Warned)[0].Err, "implicit FTPS")
		r.close()
	})
}

func TestPasswordsAreNotTold(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASS geheim", "acct geheim")
		r.server.hear("PASS geheim", "acct geheim")
		for _, e := range r.told(LinePassed) {
			assert.NotContains(t, e.Line.Received+e.Line.Sent, "geheim")
		}
	})
}

func TestTheServersLastRepliesArriveAfterTheClientsEnd(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("QUIT")
		closeWriteOf(t, r.client.conn)
		r.server.hear("QUIT")
		r.server.over()
		r.server.say("221 bye")
		require.NoError(t, r.server.conn.Close())
		r.client.hear("221 bye")
		r.client.over()
	})
}

func TestASessionWhoseServerIgnoresTheClientsEndIsOverInTheEnd(t *testing.T) {
	withRig(t, func(r *rig) {
		began := time.Now()
		closeWriteOf(t, r.client.conn)
		r.server.over()
		r.client.over()
		assert.Equal(t, lingerAtMost, time.Since(began))
	})
}

// renamed is a far network in which every host is 127.0.0.1.
type renamed struct{ n Network }

func (n renamed) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return n.n.Listen(ctx, network, address)
}

func (n renamed) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	at := netip.MustParseAddrPort("127.0.0.1" + address[strings.LastIndex(address, ":"):])
	return n.n.DialContext(ctx, network, at.String())
}

// deaf is a far network that may not be listened on.
type deaf struct{ named }

func (deaf) Listen(context.Context, string, string) (net.Listener, error) {
	return nil, errors.New("forbidden")
}

// slow is a far network that listens only when it is let.
type slow struct {
	named
	let <-chan struct{}
}

func (n slow) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	<-n.let
	return n.named.Listen(ctx, network, address)
}

func TestAnEndWithoutAWordIsNoticed(t *testing.T) {
	for _, c := range []struct {
		name    string
		last    func(r *rig)
		noticed int
	}{
		{"without a word", func(*rig) {}, 1},
		{"421", func(r *rig) { r.server.say("421 timeout"); r.client.hear("421 timeout") }, 0},
		{"221", func(r *rig) {
			r.client.say("QUIT")
			r.server.hear("QUIT")
			r.server.say("221 bye")
			r.client.hear("221 bye")
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				c.last(r)
				require.NoError(t, r.server.conn.Close())
				r.client.over()
				require.Len(t, r.told(Warned), c.noticed)
				for _, e := range r.told(Warned) {
					assert.ErrorIs(t, e.Err, ErrNoGoodbye)
				}
			})
		})
	}
}

// pyftpdlib says so when no data connection has come, and goes on.
func TestA421ThatEndsNothingPassesAndTheSessionGoesOn(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		r.epsv("4000")
		pass(30 * time.Second)
		r.server.say("421 Passive data channel timed out.")
		r.client.hear("421 Passive data channel timed out.")
		r.client.say("NOOP")
		r.server.hear("NOOP")
		r.server.say("200 I am still there")
		r.client.hear("200 I am still there")
		client, server := r.passive()
		r.begin("RETR x")
		r.download(server, client)
		require.NoError(t, r.transfer().Err)
	})
}
