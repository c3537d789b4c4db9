package ftpfwd

import (
	"context"
	"errors"
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

// A conn that tells how its bytes were written shows that what arrived
// together leaves together: a client that looks for surplus bytes behind a
// reply finds them in the same read.
func TestWhatArrivesTogetherLeavesTogether(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("NOOP")
		r.server.hear("NOOP")
		r.server.raw("200 one\r\n200 two\r\n200 three\r\n")
		synctest.Wait()
		b := make([]byte, 100)
		n, err := r.client.conn.Read(b)
		require.NoError(t, err)
		assert.Equal(t, "200 one\r\n200 two\r\n200 three\r\n", string(b[:n]))
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

func TestTLSIsRefusedWithAReason(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("AUTH TLS")
		assert.Contains(t, r.client.line(), "534 AUTH refused: the tunnel encrypts")
		r.client.say("PROT P")
		assert.Contains(t, r.client.line(), "534 PROT refused")
		r.client.say("LPRT 4,4,127,0,0,1,2,200,200")
		assert.Contains(t, r.client.line(), "502 LPRT")
		r.server.silent()
	})
}

func TestWhatOpensDataPortsInOtherWaysIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, line := range []string{
			"LPRT 4,4,127,0,0,1,2,200,200", "LPSV", "CEPR ON", "ESTA", "ESTP", "SPSV", "APSV", "SPAS", "SPOR 127,0,0,1,1,1",
		} {
			r.client.say(line)
			assert.Regexp(t, "^502 [A-Z]+ is not carried", r.client.line(), line)
		}
		for _, line := range []string{"AUTH SSL", "AUTH GSSAPI", "ADAT x", "PBSZ 0", "PROT P", "CCC", "CPSV", "SSCN ON", "MIC x", "CONF x", "ENC x"} {
			r.client.say(line)
			assert.Regexp(t, "^534 [A-Z]+ refused: the tunnel encrypts", r.client.line(), line)
		}
		r.server.silent()
	})
}

func TestFEATDoesNotOfferWhatIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("FEAT")
		r.server.hear("FEAT")
		r.server.say("211-Features:", " AUTH TLS", " EPSV", " PBSZ", " prot", " SIZE", " AUTH SSL;TLS", " CEPR", "211 End")
		r.client.hear("211-Features:", " EPSV", " SIZE", "211 End")

		r.client.say("STAT")
		r.server.hear("STAT")
		r.server.say("211-Status:", " AUTH TLS", "211 End")
		r.client.hear("211-Status:", " AUTH TLS", "211 End")
	})
}

func TestAGreetingAnswersNoCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.connect()
		r.client.say("AUTH TLS", "FEAT", "EPSV") // some clients do not wait
		r.server.hear("FEAT", "EPSV")
		r.server.say("120 in a minute", "220-hello", "220 ready", "211-Features", " AUTH TLS", " SIZE", "211 End", "229 ok (|||4000|)")
		r.client.hear("120 in a minute", "220-hello", "220 ready")
		assert.Contains(t, r.client.line(), "534 AUTH refused")
		r.client.hear("211-Features", " SIZE", "211 End")
		assert.NotContains(t, r.client.line(), "|4000|")
		r.close()
	})
}

func TestOwnRepliesKeepTheirPlace(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("NOOP", "AUTH TLS", "SYST", "AUTH SSL")
		r.server.hear("NOOP", "SYST")
		r.client.silent()
		r.server.say("200-first", "200 ok", "215 UNIX")
		r.client.hear("200-first", "200 ok")
		assert.Contains(t, r.client.line(), "534 ")
		r.client.hear("215 UNIX")
		assert.Contains(t, r.client.line(), "534 ")
	})
}

func TestAnOwnReplyDoesNotWaitForEverForAServerThatNeverAnswers(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("SITE FORGETFUL", "AUTH TLS")
		r.server.hear("SITE FORGETFUL")
		began := time.Now()
		assert.Contains(t, r.client.line(), "534 ")
		assert.Equal(t, ownReplyWaits, time.Since(began))
	})
}

// A server may wait for a data connection for minutes before it says so.
func TestAnOwnReplyDoesNotOvertakeATransferThatWaitsForItsData(t *testing.T) {
	withRig(t, func(r *rig) {
		l, _ := r.active()
		defer l.Close()
		r.client.say("RETR x", "AUTH TLS")
		r.server.hear("RETR x")
		pass(3 * ownReplyWaits)
		r.server.say("150 soon")
		r.client.hear("150 soon")
		pass(3 * ownReplyWaits)
		r.client.silent()
		r.server.say("425 I cannot connect")
		r.client.hear("425 I cannot connect")
		assert.Contains(t, r.client.line(), "534 ")
	})
}

func TestA227OutsideAnAnswerToPASVIsNeverRewritten(t *testing.T) {
	const fake = "227 Entering Passive Mode (6,6,6,6,1,1)"
	withRig(t, func(r *rig) {
		r.client.say("STAT dir")
		r.server.hear("STAT dir")
		// A file's name can make a server print such a line.
		r.server.say("213-Status", fake, "213 End")
		r.client.hear("213-Status", fake, "213 End")

		r.server.say(fake, "229 ok (|||257|)") // nobody asked
		r.client.hear(fake, "229 ok (|||257|)")

		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("213-Late", fake, "213 End")
		r.client.hear("213-Late", fake, "213 End")
		listeners, _ := r.near.Open()
		assert.Equal(t, 1, listeners, "only the control listener")
	})
}

func TestASurplusReplyDoesNotHideTheNextAnnouncement(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("250 one too many", "227 ok (127,0,0,1,200,1)")
		r.client.hear("250 one too many")
		assert.NotContains(t, r.client.line(), "200,1)")
	})
}

func TestEveryLineOfAMultiLine227NamesTheSameListener(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("227-Entering (10,0,0,1,4,51)", " text (10,0,0,1,4,51)", "227 Entering (10,0,0,1,4,51).")
		first, text, last := r.client.line(), r.client.line(), r.client.line()
		assert.Equal(t, " text (10,0,0,1,4,51)", text)
		assert.Equal(t, strings.Replace(first, "-", " ", 1)+".", last)
		assert.Contains(t, first, "(127,0,0,1,")
		assert.NotContains(t, first, "4,51)")
	})
}

func TestAnUnusableAnnouncementPassesUnchanged(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, reply := range []string{
			"227 Entering Passive Mode (1216,256,2,127,127,127)", // curl's test 237
			"229 Entering Extended Passive Mode (|||1000000|)",   // curl's test 238
			"227 Entering Passive Mode (127,0,0,1,0,0)",
			"421 no more ports",
		} {
			r.client.say("PASV")
			r.server.hear("PASV")
			r.server.say(reply)
			r.client.hear(reply)
		}
	})
}

func TestPORTIsRefusedUnlessItNamesTheClient(t *testing.T) {
	for said, want := range map[string]string{
		"PORT 192,0,2,1,200,1":                             "500 PORT refused: 192.0.2.1 is not your address",
		"PORT 127,0,0,1,0,21":                              "501 PORT refused: port 21 is below 1024",
		"PORT 127,0,0,1,200":                               "501 PORT refused: not six numbers",
		"PORT 127,0,0,1,200,1,1":                           "501 PORT refused: not six numbers",
		"PORT":                                             "501 PORT refused",
		"EPRT |1|192.0.2.1|51200|":                         "500 EPRT refused: 192.0.2.1 is not your address",
		"EPRT |1|127.0.0.1|80|":                            "501 EPRT refused: port 80 is below 1024",
		"EPRT |2|127.0.0.1|51200|":                         "501 EPRT refused",
		"EPRT |1|localhost|51200|":                         "501 EPRT refused",
		"PORT 127,0,0,1,200,1" + strings.Repeat(" ", 2000): "501 PORT refused: the line is too long",
	} {
		withRig(t, func(r *rig) {
			r.client.say(said)
			assert.True(t, strings.HasPrefix(r.client.line(), want), said)
			r.server.silent()
			r.client.say("NOOP")
			r.server.hear("NOOP")
			listeners, _ := r.far.Open()
			assert.Equal(t, 1, listeners, "nothing was opened")
		})
	}
}

func TestPORTIsRefusedWhereTheServerCouldNotComeBack(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PORT 127,0,0,1,200,1")
		assert.Contains(t, r.client.line(), "425 PORT refused: the FTP server is not on the gateway")
		r.server.silent()
	}, func(r *rig) {
		r.forwarder.Server = "ftp.example.com:21"
		r.forwarder.Remote = renamed{r.far}
		r.forwarder.ServerMode = Active
	})
}

func TestPORTIsRefusedWhereNoWayIsLeft(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PORT 127,0,0,1,200,1", "NOOP")
		r.declines("EPSV", "PASV")
		assert.Contains(t, r.client.line(), "425 PORT refused: forbidden; ")
		r.server.hear("NOOP")
	}, func(r *rig) { r.forwarder.Remote = deaf{named{r.far}} })
}

func TestAClientThatIsHeldIsNotReadFurther(t *testing.T) {
	var listening chan struct{}
	withRig(t, func(r *rig) {
		r.client.say("PORT 127,0,0,1,200,1")
		written := make(chan struct{})
		go func() {
			_, _ = io.WriteString(r.client.conn, strings.Repeat("NOOP\r\n", 100_000))
			close(written)
		}()
		synctest.Wait()
		select {
		case <-written:
			t.Error("600 kB were taken while a command was held")
		default:
		}
		close(listening)
		r.server.line()
		for range 100_000 {
			r.server.hear("NOOP")
		}
	}, func(r *rig) {
		listening = make(chan struct{})
		r.forwarder.Remote = slow{named{r.far}, listening}
	})
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
			noticed := r.told(Noticed)
			require.Len(t, noticed, 1)
			assert.Contains(t, noticed[0].Text, "no FTP server")
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
		assert.Contains(t, r.told(Noticed)[0].Text, "implicit FTPS")
		r.close()
	})
}

func TestPasswordsAreNotTold(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASS geheim", "acct geheim")
		r.server.hear("PASS geheim", "acct geheim")
		for _, e := range r.told(Said) {
			assert.NotContains(t, e.Line.Said+e.Line.Heard, "geheim")
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

func TestAServerThatInsistsOnTLSIsToldOnce(t *testing.T) {
	for reply, insists := range map[string]bool{
		"530 Non-anonymous sessions must use encryption.":               true, // vsftpd
		"550 SSL/TLS required on the control channel":                   true, // ProFTPD, pyftpdlib
		"421 Sorry, cleartext sessions are not accepted on this server": true, // Pure-FTPd
		"534 Policy requires SSL.":                                      true, // IIS
		"503 Use AUTH first.":                                           true, // FileZilla Server
		"530 Login incorrect.":                                          false,
		"230 Use TLS next time":                                         false,
		"550 tls.txt: No such file":                                     false,
	} {
		withRig(t, func(r *rig) {
			for range 2 {
				r.client.say("SIZE tls.txt")
				r.server.hear("SIZE tls.txt")
				r.server.say(reply)
				r.client.hear(reply)
			}
			told := r.told(Noticed)
			if !insists {
				assert.Empty(t, told, reply)
				return
			}
			require.Len(t, told, 1, reply)
			assert.Contains(t, told[0].Text, "insists on TLS")
		})
	}
}

// Rows of the corpus, in a session.
func TestARefusalThatTurnsOutToBeNoneKeepsItsTransfer(t *testing.T) {
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.client.say("STOR x")
		r.server.hear("STOR x")
		r.server.say("553-", "553- Directory excluded (precheck).", "150 Opening BINARY mode data connection for x.")
		r.client.hear("553-", "553- Directory excluded (precheck).", "150 Opening BINARY mode data connection for x.")
		carry(t, client, server, "data")
		reset(client)
		assert.Contains(t, r.client.line(), "426 transfer failed")
		r.server.hear("ABOR")
	})
}

func TestCommandsGoOnBehindAnAnswerThatCannotBeTold(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASV", "NOOP")
		r.server.hear("PASV")
		r.server.say("426 Internal server error.") // uftpd's refusal
		r.client.hear("426 Internal server error.")
		r.server.hear("NOOP")
	})
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
				require.Len(t, r.told(Noticed), c.noticed)
				for _, e := range r.told(Noticed) {
					assert.ErrorIs(t, e.Err, ErrWordless)
				}
			})
		})
	}
}
