package ftpfwd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
			told := r.told(Warned)
			if !insists {
				assert.Empty(t, told, reply)
				return
			}
			require.Len(t, told, 1, reply)
			assert.Equal(t, TLSRequired, told[0].Warning)
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
