package ftptest

import "net/netip"

// A Product is an imitation of a server.
type Product struct {
	Name string

	// Source is where the behaviour is described. What it leaves open is this
	// server's default.
	Source string

	// IPv6 is set if the dialect describes a server on IPv6.
	IPv6 bool

	Dialect Dialect
}

// Products are imitations of servers that list, upload and download without TLS, by
// at least one of PASV, EPSV, PORT, EPRT, LPSV and LPRT.
var Products = append(windows, append(mainframes, append(unixes, peculiar...)...)...)

// refuse returns refusals of verbs with the same reply.
func refuse(reply string, verbs ...string) map[string]string {
	m := make(map[string]string)
	for _, v := range verbs {
		m[v] = reply
	}
	return m
}

// pasv is the reply of many servers to PASV.
const pasv = "227 Entering Passive Mode ({tuple})"

// epsv is the reply in RFC 2428.
const epsv = "229 Entering Extended Passive Mode (|||{port}|)"

var iisWords = map[string]string{
	"SYST 215": "215 Windows_NT",
	"TYPE 200": "200 Type set to {name}.",
	"NOOP 200": "200 noop command successful.",
	"CWD 250":  "250 CWD command successful.",
	"PWD 257":  `257 "{dir}" is current directory.`,
	"PORT 200": "200 PORT command successful.",
	"EPRT 200": "200 EPRT command successful.",
	"PASV 227": pasv + ".",
	"EPSV 229": epsv,
	"125":      "125 Data connection already open; Transfer starting.",
	"226":      "226 Transfer complete.",
	"ABOR 226": "226 ABOR command successful.",
	"221":      "221 Goodbye.",
}

// with returns replies, some of them replaced by others.
func with(words, others map[string]string) map[string]string {
	m := make(map[string]string)
	for _, from := range []map[string]string{words, others} {
		for key, reply := range from {
			m[key] = reply
		}
	}
	return m
}

// windows are servers for Windows.
var windows = []Product{
	{
		Name: "IIS 6",
		Source: "github.com/twisted/twisted/issues/10719 (login), github.com/liximomo/vscode-sftp/issues/1005 (227, ABOR), " +
			"FEAT as the comments of the ICS FTP client give it, learn.microsoft.com on FTP 7.5 (125 and 150); that it does not know EPSV is assumed",
		Dialect: Dialect{
			Greeting: "220 Microsoft FTP Service",
			Replies: with(iisWords, map[string]string{
				"USER 331": "331 Password required for {name}.",
				"PASS 230": "230-Welcome.\n230-Use it well.\n230 User {user} logged in.",
				"FEAT 211": "211-FEAT\n    SIZE\n    MDTM\n211 END",
				"150":      "150 Opening BINARY mode data connection for {name}.",
				"500":      "500 '{verb}': command not understood",
			}),
			Refused: map[string]string{
				"EPSV": "500 'EPSV': command not understood",
				"EPRT": "500 'EPRT': command not understood",
				"AUTH": "500 'AUTH': command not understood",
				"MLSD": "500 'MLSD': command not understood",
				"OPTS": "500 'OPTS': command not understood",
				"LPSV": "500 'LPSV': command not understood",
				"LPRT": "500 'LPRT': command not understood",
			},
			Prompt:   true,
			DOSLists: true,
		},
	},
	{
		Name: "IIS 7.5",
		Source: "learn.microsoft.com on FTP 7.5 (125 and 150), github.com/ArxOne/FTP/issues/44 (FEAT, 501), " +
			"github.com/robinrodricks/FluentFTP/issues/1538 (501), published ftp(1) sessions (the rest)",
		Dialect: Dialect{
			Greeting: "220 Microsoft FTP Service",
			Replies: with(iisWords, map[string]string{
				"USER 331": "331 Password required",
				"PASS 230": "230 User logged in.",
				"PASS 530": "530 User cannot log in.",
				"FEAT 211": "211-Extended features supported:\n LANG EN*\n UTF8\n AUTH TLS;TLS-C;SSL;TLS-P;\n PBSZ\n PROT C;P;\n CCC\n HOST\n SIZE\n MDTM\n REST STREAM\n211 END",
				"OPTS 200": "200 OPTS UTF8 command successful - UTF8 encoding now ON.",
				"150":      "150 Opening BINARY mode data connection.",
				"PORT 500": "501 Server cannot accept argument.",
				"EPRT 500": "501 Server cannot accept argument.",
				"500":      "500 Command not understood.",
			}),
			Refused: with(refuse("500 Command not understood.", "MLSD", "MLST", "LPSV", "LPRT"), map[string]string{
				"AUTH": "534 Local policy on server does not allow TLS secure connections.",
			}),
			Prompt:   true,
			DOSLists: true,
		},
	},
	{
		Name: "Serv-U 4",
		Source: "the README of the goftp fork made for Serv-U 4.0 (unmarked lines inside 226), " +
			"FEAT as the comments of the ICS FTP client give it, a published list of the replies of 6.x (the rest), which has no 229",
		Dialect: Dialect{
			Greeting: "220 Serv-U FTP Server v4.0 for WinSock ready...",
			Replies: with(servUWords, map[string]string{
				"226":      "226-Maximum disk quota limited to 1000000 Kbytes\n    Used disk quota 0 Kbytes, available 1000000 Kbytes\n226 Transfer complete.",
				"FEAT 211": "211-Extension supported\n MDTM\n MDTM YYYYMMDDHHMMSS[+-TZ] filename\n SIZE\n SITE PSWD;EXEC;SET;INDEX;ZONE;CHMOD;MSG\n REST STREAM\n211 End",
			}),
			Refused: map[string]string{
				"AUTH": "500 'AUTH': command not understood.",
				"EPSV": "500 'EPSV': command not understood.",
				"EPRT": "500 'EPRT': command not understood.",
				"MLSD": "500 'MLSD': command not understood.",
			},
		},
	},
	{
		Name: "Serv-U 15",
		Source: "github.com/aio-libs/aioftp/issues/69 (the dot behind 229), published sessions (the rest), " +
			"FEAT after that of 10.0 in the comments of the ICS FTP client",
		Dialect: Dialect{
			Greeting: "220 Serv-U FTP Server v15.1 ready...",
			Replies: with(servUWords, map[string]string{
				"EPSV 229": epsv + ".",
				"226":      "226 Transfer complete. 70 bytes transferred. 0.07 KB/sec.",
				"FEAT 211": "211-Extensions supported\n UTF8\n OPTS MODE;MLST;UTF8\n CLNT\n HOST domain\n AUTH TLS;SSL;TLS-C;TLS-P;\n PBSZ\n PROT\n CCC\n SSCN\n EPRT\n EPSV\n MODE Z\n REST STREAM\n SIZE\n MDTM\n MLST Type*;Size*;Create;Modify*;Perm;Win32.ea;Win32.dt;Win32.dl\n211 End",
			}),
			Refused: map[string]string{"AUTH": "431 Unable to negotiate secure command connection."},
			Modes:   "SZ",
		},
	},
	{
		Name:   "GuildFTPd",
		Source: "nmap-service-probes (greeting); nothing else of it is documented, so only this differs",
		Dialect: Dialect{
			Greeting: "220-GuildFTPd FTP Server (c) 1997-2002\n220-Version 0.999.14\n220 Please enter your name:",
			Replies:  map[string]string{"PASV 227": pasv},
		},
	},
	{
		Name: "BulletProof FTP Server",
		Source: "github.com/robinrodricks/FluentFTP/issues/1793 (a delimiter is missing in 229), " +
			"the ztag project (greeting)",
		Dialect: Dialect{
			Greeting: "220 BulletProof FTP Server ready ...",
			Replies: map[string]string{
				"PASV 227": pasv + ".",
				"EPSV 229": "229 Entering Extended Passive Mode (||{port}|)",
			},
		},
	},
	{
		Name:   "FileZilla Server 0.9",
		Source: "github.com/icetee/remote-ftp/issues/526, github.com/robinrodricks/FluentFTP/issues/1537; MODE Z as the comments of the ICS FTP client give it for 0.9.24",
		Dialect: Dialect{
			Greeting: "220-FileZilla Server version 0.9.41 beta\n220-written by Tim Kosse (Tim.Kosse@gmx.de)\n220 Please visit http://sourceforge.net/projects/filezilla/",
			Replies: map[string]string{
				"USER 331": "331 Password required for {name}",
				"PASS 230": "230 Logged on",
				"FEAT 211": "211-Features:\n MDTM\n REST STREAM\n SIZE\n MODE Z\n MLST type*;size*;modify*;\n MLSD\n UTF8\n CLNT\n MFMT\n211 End",
				"SYST 215": "215 UNIX emulated by FileZilla",
				"TYPE 200": "200 Type set to {name}",
				"PWD 257":  `257 "{dir}" is current directory.`,
				"CWD 250":  `250 CWD successful. "{dir}" is current directory.`,
				"PASV 227": pasv,
				"EPSV 229": epsv,
				"150":      "150 Connection accepted",
				"226":      "226 Transfer OK",
			},
			Modes: "SZ",
		},
	},
	{
		Name:   "FileZilla Server 1",
		Source: "github.com/robinrodricks/FluentFTP/issues/1507; the words of 150 and 226 from memory",
		Dialect: Dialect{
			Greeting: "220-FileZilla Server 1.8.1\n220 Please visit https://filezilla-project.org/",
			Replies: map[string]string{
				"USER 331": "331 Please, specify the password.",
				"PASS 230": "230 Login successful.",
				"FEAT 211": "211-Features:\n MDTM\n REST STREAM\n SIZE\n MLST type*;size*;modify*;perm*;\n MLSD\n AUTH SSL\n AUTH TLS\n PROT\n PBSZ\n UTF8\n TVFS\n EPSV\n EPRT\n MFMT\n211 End",
				"OPTS 200": "202 UTF8 mode is always enabled. No need to send this command",
				"SYST 215": "215 UNIX emulated by FileZilla.",
				"PASV 227": pasv,
				"EPSV 229": epsv,
				"150":      "150 About to start data transfer.",
				"226":      "226 Operation successful",
			},
			Refused: map[string]string{"AUTH": "502 Explicit TLS authentication not allowed"},
			Prompt:  true,
		},
	},
}

var servUWords = map[string]string{
	"USER 331": "331 User name okay, need password.",
	"PASS 230": "230 User logged in, proceed.",
	"PASS 530": "530 Not logged in.",
	"TYPE 200": "200 Type set to {name}.",
	"PORT 200": "200 PORT Command successful.",
	"CWD 250":  "250 Directory changed to {dir}",
	"PWD 257":  `257 "{dir}" is current directory.`,
	"PASV 227": pasv,
	"LIST 150": "150 Opening ASCII mode data connection for /bin/ls.",
	"150":      "150 Opening BINARY mode data connection for {name}.",
	"ABOR 226": "226 ABOR command successful.",
	"PORT 500": "530 Only client IP address allowed for PORT command.",
	"425":      "425 Cannot open data connection.",
	"221":      "221 Goodbye!",
}

// Addresses that no data connection reaches: of the documentation prefix, and a
// private one.
var (
	stale   = netip.MustParseAddr("192.0.2.1")
	private = netip.MustParseAddr("10.255.255.1")
)
