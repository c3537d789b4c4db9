package ftpfwd

import (
	"strings"
	"testing"
)

func TestOtherCommandsAndRepliesPassUnchanged(t *testing.T) {
	commands := []string{
		"USER b\xf6b\r\n",
		"pwd\n",                // a bare LF
		"MKD a\r\x00b\r\n",     // CR NUL in a name, RFC 2640
		"CWD \xff\xff\x00\r\n", // 8 bits, NUL
		" NOOP \r\n",           // blanks
		"SITE " + strings.Repeat("x", 5000) + "\r\n", // longer than maxInspected
		"HOST ftp.example.com\r\n",                   // RFC 7151
		"PRET RETR x\r\n",
		"OPTS UTF8 ON\r\n",
		"RNFR na\xc3\xafve file \xc3\xbc\r\n",
		"STAT /a b\r\n",
		"\r\n",
	}
	replies := []string{
		"331-one\r\n 227 Entering (1,2,3,4,5,6)\r\n331 two\r\n",
		"\xff\xfe\x06257 \"x\"\r\n", // Telnet negotiation in front of the reply
		"250 naked\n",
		"200 " + strings.Repeat("y", 17000) + "\r\n",
		"no code at all\r\n",
	}
	withRig(t, func(r *rig) {
		for _, c := range commands {
			r.client.sendBytes(c)
			r.server.expectBytes(c)
		}
		for _, reply := range replies {
			r.server.sendBytes(reply)
			r.client.expectBytes(reply)
		}
	})
}
