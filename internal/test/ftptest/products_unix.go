package ftptest

// mainframes are servers of IBM.
var mainframes = []Product{
	{
		Name: "z/OS",
		Source: "ibm.com/docs, z/OS Communications Server IP User's Guide and FTPD reply codes; " +
			"github.com/robinrodricks/FluentFTP/issues/677 and 264, github.com/zowe/zowe-install-packaging/issues/1254",
		Dialect: Dialect{
			Greeting: "220-FTPD1 IBM FTP CS V2R3 at ZOS.EXAMPLE.COM, 17:41:19 on 2021-02-11.\n220 Connection will close if idle for more than 5 minutes.",
			Replies: map[string]string{
				"USER 331": "331 Send password please.",
				"PASS 230": `230 {user} is logged on.  Working directory is "/".`,
				"FEAT 211": "211- Extensions supported\n AUTH TLS\n PBSZ\n PROT\n211 End",
				"SYST 215": "215 UNIX is the operating system of this server. FTP Server is running on z/OS.",
				"TYPE 200": "200 Representation type is Image",
				"PORT 200": "200 Port request OK.",
				"EPRT 200": "200 EPRT request OK",
				"CWD 250":  "250 HFS directory {dir} is the current working directory",
				"PWD 257":  `257 "{dir}" is the HFS working directory.`,
				"PASV 227": pasv,
				"EPSV 229": epsv,
				"LIST 150": "125 List started OK",
				"NLST 150": "125 List started OK",
				"LIST 226": "250 List completed successfully.",
				"NLST 226": "250 List completed successfully.",
				"RETR 150": "125 Sending data set {name}",
				"STOR 150": "125-Waiting for recall of data set {name}\n125 Storing data set {name}",
				"226":      "250 Transfer completed successfully.",
				"221":      "221 Quit command received. Goodbye.",
			},
			Refused: map[string]string{
				"OPTS": "501 command OPTS aborted -- no options supported for UTF8",
				"AUTH": "534 Server is not willing to accept security mechanism",
				"MLSD": "500 unknown command MLSD",
			},
			Modes: "SB",
		},
	},
	{
		Name: "IBM i",
		Source: "github.com/humy2833/FTP-Simple/issues/202 and github.com/robinrodricks/FluentFTP/issues/1108 (229 with exclamation marks), " +
			"github.com/robinrodricks/FluentFTP/issues/388 and 1571, manualsdump.com on OS/400 TCP/IP, published ftp(1) sessions",
		Dialect: Dialect{
			Greeting: "220-QTCP at AS400.EXAMPLE.COM.\n220 Connection will close if idle more than 5 minutes.",
			Replies: map[string]string{
				"USER 331": "331 Enter password.",
				"PASS 230": "230 {user} logged on.",
				"FEAT 211": "211-Feature listing follows:\n AUTH TLS\n CCC\n PBSZ\n PROT\n211 End of feature listing.",
				"SYST 215": `215  OS/400 is the remote operating system. The TCP/IP version is "V7R1M0".`,
				"TYPE 200": "200 Representation type is binary IMAGE.",
				"SITE 200": `250  Now using naming format "1".`,
				"PORT 200": "200 PORT subcommand request successful.",
				"CWD 250":  "250-NAMEFMT set to 1.\n" + `250 "{dir}" is current directory.`,
				"PWD 257":  `257 "{dir}" is current directory.`,
				"PASV 227": pasv + ".",
				"EPSV 229": "229 Entering Extended Passive Mode (!!!{port}!).",
				"LIST 150": "125 List started.",
				"NLST 150": "125 List started.",
				"LIST 226": "250 List completed.",
				"NLST 226": "250 List completed.",
				"RETR 150": "150 Retrieving file {name}",
				"RETR 226": "250 File transfer completed successfully.",
				"STOR 150": "150 Sending file to {name}",
				"226":      "226 File transfer completed successfully.",
				"221":      "221 QUIT subcommand received.",
			},
			Refused: map[string]string{
				"OPTS": "501 OPTS unsuccessful; specified subcommand not recognized.",
				"AUTH": "431 Requested security mechanism not available at this time.",
				"MLSD": "501 MLSD unsuccessful; specified subcommand not recognized.",
			},
		},
	},
}

// unixes are servers for Unix and similar systems.
var unixes = []Product{
	{
		Name:   "wu-ftpd 2.6",
		Source: "published ftp(1) sessions; as in every BSD server, no PORT means the default port (RFC 959, 3.2)",
		Dialect: Dialect{
			Greeting: "220 ftp.example.com FTP server (Version wu-2.6.2(1) Tue Sep 30 17:16:35 EDT 2003) ready.",
			Replies: map[string]string{
				"USER 331": "331 Password required for {name}.",
				"PASS 230": "230 User {user} logged in.",
				"PASV 227": pasv,
				"PORT 200": "200 PORT command successful.",
				"TYPE 200": "200 Type set to {name}.",
				"CWD 250":  "250 CWD command successful.",
				"PWD 257":  `257 "{dir}" is current directory.`,
				"LIST 150": "150 Opening ASCII mode data connection for directory listing.",
				"150":      "150 Opening BINARY mode data connection for {name}.",
				"226":      "226 Transfer complete.",
			},
			Refused: map[string]string{
				"AUTH": "504 AUTH GSSAPI not supported.",
				"EPSV": "500 'EPSV': command not understood.",
				"EPRT": "500 'EPRT': command not understood.",
				"FEAT": "500 'FEAT': command not understood.",
				"MLSD": "500 'MLSD': command not understood.",
			},
			DefaultPort: true,
			BareStatus:  true,
		},
	},
	{
		Name:   "publicfile",
		Source: "cr.yp.to/ftp/retr.html (227 with an equals sign); takes uploads here, which the real one does not",
		Dialect: Dialect{
			Greeting: "220 Features: a p .",
			Replies: map[string]string{
				"USER 230": "230 Hi. No need to log in; I'm an anonymous FTP server.",
				"PASS 230": "230 Hi. No need to log in; I'm an anonymous FTP server.",
				"PASV 227": "227 ={tuple}",
				"150":      "150 Making transfer connection...",
				"226":      "226 Success.",
			},
			Refused:    refuse("502 Unimplemented.", "EPSV", "EPRT", "FEAT", "AUTH", "MLSD", "LPSV", "LPRT"),
			NoPassword: true,
		},
	},
	{
		Name:   "sys-ftpd",
		Source: "github.com/cathery/sys-ftpd/issues/7 (227 with the numbers alone); that it does not know EPSV is assumed",
		Dialect: Dialect{
			Replies: map[string]string{"PASV 227": "227 {tuple}"},
			Refused: refuse("502 Invalid command", "EPSV", "EPRT", "LPSV", "LPRT", "AUTH"),
		},
	},
	{
		Name:   "glftpd",
		Source: "github.com/veeso/suppaftp/pull/168 (553- that a 150 ends), the nmap and honeypot banners (greeting)",
		Dialect: Dialect{
			Greeting: "220 ftp.example.com (glFTPd 2.11 Linux+TLS) ready.",
			Replies: map[string]string{
				"PASV 227": pasv,
				"STOR 150": "553-\n553- Directory excluded (precheck).\n150 Opening BINARY mode data connection for {name}.",
			},
			Refused: refuse("500 AUTH not available.", "AUTH"),
		},
	},
	{
		Name:   "ProFTPD with a stale MasqueradeAddress",
		Source: "ProFTPD's documentation of MasqueradeAddress and its mod_core.c; an old PORT serves again, as measured with 1.3.8",
		Dialect: Dialect{
			Greeting: "220 ProFTPD Server (Debian) [::ffff:192.0.2.1]",
			Replies: map[string]string{
				"USER 331": "331 Password required for {name}",
				"PASS 230": "230 User {user} logged in",
				"PASV 227": pasv + ".",
				"EPSV 229": epsv,
				"PORT 200": "200 PORT command successful",
				"EPRT 200": "200 EPRT command successful",
				"LIST 150": "150 Opening ASCII mode data connection for file list",
				"150":      "150 Opening BINARY mode data connection for {name}",
			},
			Masquerade:  stale,
			KeepPort:    true,
			DefaultPort: true,
			BareStatus:  true,
		},
	},
	{
		Name:   "ProFTPD over IPv6",
		Source: "ProFTPD 1.3.8, measured: what it prints follows the last colon of the address",
		IPv6:   true,
		Dialect: Dialect{
			Replies:       map[string]string{"PASV 227": "227 Entering Passive Mode ({group},{p1},{p2})."},
			PassiveOnIPv6: true,
		},
	},
	{
		Name:   "vsftpd over IPv6",
		Source: "vsftpd 3.0.3, measured",
		IPv6:   true,
		Dialect: Dialect{
			Greeting:      "220 (vsFTPd 3.0.3)",
			Replies:       map[string]string{"PASV 227": pasv + ".", "EPSV 229": epsv},
			PassiveOnIPv6: true,
		},
	},
	{
		Name:   "pyftpdlib over IPv6",
		Source: "pyftpdlib 1.5.7, measured",
		IPv6:   true,
		Dialect: Dialect{
			Replies:       map[string]string{"PASV 227": "227 Entering passive mode ({address},{p1},{p2})."},
			PassiveOnIPv6: true,
			EarlyConnect:  true,
			Prompt:        true,
		},
	},
}
