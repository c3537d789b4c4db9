package ftpfwd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// PORT and EPRT as clients send them; address is empty if they are refused.
var addressCommands = []struct{ client, source, line, address string }{
	{"curl 7.68", "embeddedmz/ftpclient-cpp#50", "PORT 192,168,0,100,199,61", "192.168.0.100:51005"},
	{"curl 7.68", "embeddedmz/ftpclient-cpp#50", "EPRT |1|192.168.0.100|53839|", "192.168.0.100:53839"},
	{"Fetch 4.0.3 on Mac OS 7", "retronas/retronas#224", "PORT 10,0,2,15,114,235", "10.0.2.15:29419"},
	{"NppFTP", "ashkulz/NppFTP#165", "PORT 192,168,1,101,112,125", "192.168.1.101:28797"},
	{"lftp", "lavv17/lftp#367", "PORT 192,168,1,1,143,231", "192.168.1.1:36839"},
	{"Dreamweaver", "Adobe, The Site FTP log", "PORT 10,11,1,80,18,238", "10.11.1.80:4846"},
	{"by hand", "hfiref0x/LightFTP#23", "PORT 127,0,0,1,152,193", "127.0.0.1:39105"},
	{"by hand, low byte 0", "mtheall/ftpd#116", "PORT 192,168,1,2,10,0", "192.168.1.2:2560"},
	{"FluentFTP", "robinrodricks/FluentFTP#718", "PORT 10,96,209,114,54,54", "10.96.209.114:13878"},
	{"unnamed", "drftpd-ng/drftpd#19", "EPRT |2|::1|1838|", "[::1]:1838"},
	{"the RFC's example", "RFC 2428, 2", "EPRT |1|132.235.1.2|6275|", "132.235.1.2:6275"},
	{"the RFC's example", "RFC 2428, 2", "EPRT |2|1080::8:800:200C:417A|5282|", "[1080::8:800:200c:417a]:5282"},
	{"HP-UX ftp", "WU-FTPD 2.6.1 Release Notes 5900-2465, example 10", "EPRT |2|fe80::260:b0ff:fec1:7b2f|50934|", "[fe80::260:b0ff:fec1:7b2f]:50934"},
	{"accepted by vsftpd and Pure-FTPd", "measured", "PORT 127, 0,0,1,200,1", "127.0.0.1:51201"},
	{"accepted by most servers", "measured", "PORT  127,0,0,1,200,1", "127.0.0.1:51201"},
	{"accepted by most servers", "measured", "PORT 127,0,0,1,200,1 ", "127.0.0.1:51201"},
	{"accepted by most servers", "measured", "PORT 127,000,000,001,200,001", "127.0.0.1:51201"},
	{"accepted by all but vsftpd", "measured", "EPRT !1!127.0.0.1!51201!", "127.0.0.1:51201"},
	{"accepted by Pure-FTPd", "Pure-FTPd's source", "EPRT ,1,127.0.0.1,51201,", "127.0.0.1:51201"},
	{"scope, as vsftpd strips it", "vsftpd's source", "EPRT |2|fe80::1%eth0|51201|", "[fe80::1]:51201"},

	{"Perl's libnet", "steve-m-hay/perl-libnet#7", "PORT ARRAY(0x1921fb0)", ""},
	{"a test of pyftpdlib", "giampaolo/pyftpdlib#60", "port xxx", ""},
	{"a test of LightFTP", "hfiref0x/LightFTP#47", "PORT 127,0,0,1,300,1", ""},
	{"HP-UX's manual, without the bars", "WU-FTPD 2.6.1 Release Notes 5900-2465, example 10", "EPRT 1 132.235.1.2 50934", ""},
}

func TestPORTAndEPRTOfRealClientsAreParsed(t *testing.T) {
	for _, c := range addressCommands {
		command := parseCommand([]byte(c.line + "\r\n"))
		require.Equal(t, verbActive, command.kind(), c.line)
		parse := parseHostPort
		if command.verb == "EPRT" {
			parse = parseExtended
		}
		a, err := parse(command.argument)
		if c.address == "" {
			assert.Error(t, err, "%s (%s): %q", c.client, c.source, c.line)
			continue
		}
		if assert.NoError(t, err, "%s (%s): %q", c.client, c.source, c.line) {
			assert.Equal(t, c.address, a.String(), "%s (%s): %q", c.client, c.source, c.line)
		}
	}
}

// Other commands, with their kind. shown is the command without its secrets.
var commandLines = []struct {
	client, source, line string
	kind                 verbKind
	shown                string
	prefix               int
}{
	{"telnet", "proftpd/proftpd#1023", "user test\r\n", verbUser, "USER test", 0},
	{"telnet", "proftpd/proftpd#1023", "pass test\r\n", verbPassword, "PASS ****", 0},
	{"telnet", "proftpd/proftpd#1023", "rnfr test-orig\r\n", verbOther, "RNFR test-orig", 0},
	{"telnet", "proftpd/proftpd#1023", "quit\r\n", verbQuit, "QUIT", 0},
	{"FluentFTP", "robinrodricks/FluentFTP#388", "cwd pgmrprs\r\n", verbParameter, "CWD pgmrprs", 0},
	{"libunftp's tester", "bolcom/libunftp#311", "stat\r\n", verbStatus, "STAT", 0},
	{"icetee", "icetee/remote-ftp#1031", "LIST -al /\r\n", verbDownload, "LIST -al /", 0},
	{"FluentFTP", "robinrodricks/FluentFTP#677", "LIST ['DEVCDP.*']\r\n", verbDownload, "LIST ['DEVCDP.*']", 0},
	{"FluentFTP", "robinrodricks/FluentFTP#388", "NLST PGMRPRS/PGMRPRS\r\n", verbDownload, "NLST PGMRPRS/PGMRPRS", 0},
	{"basic-ftp", "patrickjuchli/basic-ftp#164", "OPTS MLST type;size;modify;unique;unix.mode;unix.owner;unix.group;unix.ownername;unix.groupname;\r\n", verbOther, "OPTS MLST type;size;modify;unique;unix.mode;unix.owner;unix.group;unix.ownername;unix.groupname;", 0},
	{"lftp", "lavv17/lftp#370", "PROT P\r\n", verbSecurity, "PROT P", 0},
	{"FileZilla", "robinrodricks/FluentFTP#1245", "AUTH SSL\r\n", verbSecurity, "AUTH SSL", 0},
	{"GridFTP", "dCache/dcache#6913", "AUTH GSSAPI\r\n", verbSecurity, "AUTH GSSAPI", 0},
	{"HP-UX ftp -l", "WU-FTPD 2.6.1 Release Notes 5900-2465, example 12", "LPRT 6,16,254,128,0,0,0,0,0,0,2,96,176,255,254,193,123,47,2,198,244\r\n", verbUnknown, "LPRT 6,16,254,128,0,0,0,0,0,0,2,96,176,255,254,193,123,47,2,198,244", 0},
	{"lftp", "lavv17/lftp#478", "CEPR on\r\n", verbUnknown, "CEPR on", 0},
	{"vsftpd and Pure-FTPd open a port", "measured", "PASV x\r\n", verbPassive, "PASV x", 0},
	{"accepted by most servers", "measured", "PASV \r\n", verbPassive, "PASV", 0},
	{"refused by most servers", "measured", " PASV\r\n", verbPassive, "PASV", 0},
	{"a bare LF", "measured", "PASV\n", verbPassive, "PASV", 0},
	{"CR NUL LF in a name, first line", "RFC 2640, 3.1", "MKD foo\r\x00\n", verbOther, "MKD foo", 0},
	{"IAC IAC in a name", "measured", "MKD q\xff\xffz\r\n", verbOther, "MKD q\xff\xffz", 0},
	{"one IAC in a name", "measured", "RETR q\xffz\r\n", verbDownload, "RETR q\xffz", 0},
	{"tnftp, lftp, inetutils-ftp", "measured", "\xff\xf4\xff\xf2ABOR\r\n", verbAbort, "ABOR", 4},
	{"tnftp, the urgent byte lost", "measured", "\xff\xf4\xf2ABOR\r\n", verbAbort, "ABOR", 3},
	{"ncftp, the urgent byte lost", "measured", "\xff\xf4\xffABOR\r\n", verbAbort, "ABOR", 3},
	{"ftplib, the urgent LF lost", "measured", "ABOR\r", verbAbort, "ABOR", 0},
	{"curl", "measured", "ABOR\r\n", verbAbort, "ABOR", 0},
	{"lftp, the signal alone", "lavv17/lftp#627", "\xff\xf4\xff\r\n", verbOther, "", 3},
}

func TestCommandsOfRealClientsAreParsed(t *testing.T) {
	for _, c := range commandLines {
		command := parseCommand([]byte(c.line))
		assert.Equal(t, c.kind, command.kind(), "%s (%s): %q", c.client, c.source, c.line)
		assert.Equal(t, c.shown, command.redact(), "%s (%s): %q", c.client, c.source, c.line)
		assert.Equal(t, c.prefix, command.prefix, "%s (%s): %q", c.client, c.source, c.line)
	}
}

func FuzzCommand(f *testing.F) {
	for _, c := range commandLines {
		f.Add([]byte(c.line))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		line, _, _ := bytes.Cut(b, []byte("\n"))
		c := parseCommand(line)
		require.LessOrEqual(t, c.prefix, len(line))
		require.False(t, strings.ContainsAny(c.verb, " \t"), "%q", c.verb)
		if c.verb == "PASS" || c.verb == "ACCT" {
			require.Equal(t, c.verb+" ****", c.redact())
		}
	})
}
