package ftpfwd

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncryptionIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, command := range []string{"AUTH TLS", "AUTH SSL", "AUTH GSSAPI", "ADAT x", "PBSZ 0", "PROT P", "CCC", "CPSV", "SSCN ON", "MIC x", "CONF x", "ENC x"} {
			r.client.send(command)
			assert.Regexp(r.t, "^534 "+command[:3]+"[A-Z]* refused: the tunnel encrypts", r.client.receive(), command)
		}
		r.server.expectNothing()
	})
}

// The server must not take the rest of the line for a command.
func TestLongCommandIsRefusedWhole(t *testing.T) {
	for command, code := range map[string]string{"AUTH ": "534 ", "LPRT ": "502 ", "EPSV ": "501 ", "PORT ": "501 "} {
		withRig(t, func(r *rig) {
			r.client.sendBytes(command + strings.Repeat("x", 3*maxInspected) + "\r\n")
			assert.Contains(r.t, r.client.receive(), code)
			r.exchange("NOOP", "200 in step")
		})
	}
}

func TestOtherWaysToOpenDataPortsAreRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, command := range []string{
			"LPRT 4,4,127,0,0,1,2,200,200", "LPSV", "CEPR ON", "ESTA", "ESTP", "SPSV", "APSV", "SPAS", "SPOR 127,0,0,1,1,1",
		} {
			r.client.send(command)
			assert.Regexp(r.t, "^502 "+command[:4]+" is not carried", r.client.receive(), command)
		}
		r.server.expectNothing()
	})
}

func TestFEATDoesNotOfferWhatIsRefused(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.send("FEAT")
		r.server.expect("FEAT")
		r.server.send("211-Features:", " AUTH TLS", " EPSV", " PBSZ", " prot", " SIZE", " AUTH SSL;TLS", " CEPR", "211 End")
		r.client.expect("211-Features:", " EPSV", " SIZE", "211 End")

		r.client.send("STAT")
		r.server.expect("STAT")
		r.server.send("211-Status:", " AUTH TLS", "211 End")
		r.client.expect("211-Status:", " AUTH TLS", "211 End")
	})
}

func TestServerThatRequiresTLSIsReportedOnce(t *testing.T) {
	for reply, requires := range map[string]bool{
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
				r.exchange("SIZE tls.txt", reply)
			}
			warnings := r.events(Warned)
			if !requires {
				assert.Empty(r.t, warnings, reply)
				return
			}
			require.Len(r.t, warnings, 1, reply)
			assert.Equal(r.t, TLSRequired, warnings[0].Warning)
		})
	}
}

func TestServerOfAnotherProtocolPassesUnreadAndIsReported(t *testing.T) {
	for _, banner := range []string{"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n", "\x15\x03\x01\x00\x02"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.connect()
			r.server.sendBytes(banner)
			r.client.expectBytes(banner)
			r.client.sendBytes("PASV \x00\x01")
			r.server.expectBytes("PASV \x00\x01")
			warnings := r.events(Warned)
			require.Len(t, warnings, 1)
			assert.Equal(t, NotFTP, warnings[0].Warning)
			assert.ErrorContains(t, warnings[0].Err, "not an FTP server")
			r.close()
		})
	}
}

func TestImplicitTLSPassesUnreadAndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.connect()
		r.client.sendBytes("\x16\x03\x01\x02")
		r.server.expectBytes("\x16\x03\x01\x02")
		assert.ErrorContains(t, r.events(Warned)[0].Err, "implicit FTPS")
		r.close()
	})
}

// A web page can have a browser post FTP commands to any port of its machine.
func TestClientThatSpeaksHTTPIsRejected(t *testing.T) {
	for _, line := range []string{"POST / HTTP/1.1", "get /x HTTP/1.0", "OPTIONS * HTTP/1.1", "QUERY /y HTTP/1.1", "PUT /" + strings.Repeat("x", 3000)} {
		withRig(t, func(r *rig) {
			r.client.send(line, "Host: localhost:2121", "", "USER me", "PASS x", "DELE file")
			r.client.expect("421 this is an FTP port, and the client speaks HTTP")
			r.client.expectEOF()
			r.server.expectEOF()
			require.Len(r.t, r.events(Warned), 1)
			assert.Equal(r.t, NotFTP, r.events(Warned)[0].Warning)
		})
	}
}
