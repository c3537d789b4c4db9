package ftptest

// peculiar are imitations of a single peculiarity.
var peculiar = []Product{
	{
		Name:    "refuses EPSV",
		Source:  "github.com/lavv17/lftp/issues/370",
		Dialect: Dialect{Refused: refuse("502 Command not recognized", "EPSV", "EPRT", "LPSV", "LPRT")},
	},
	{
		Name:   "answers EPSV with 227",
		Source: "github.com/robinrodricks/FluentFTP/pull/654, github.com/patrickjuchli/basic-ftp/issues/164",
		Dialect: Dialect{Replies: map[string]string{
			"EPSV 229": "227 Entering Passive Mode( {h1}, {h2}, {h3}, {h4}, {p1},{p2}).",
			"PASV 227": "227 Entering Passive Mode( {h1}, {h2}, {h3}, {h4}, {p1},{p2}).",
		}},
	},
	{
		Name:    "answers PASV with 229",
		Source:  "github.com/python/cpython/issues/127478",
		Dialect: Dialect{Replies: map[string]string{"PASV 227": epsv, "EPSV 229": epsv}},
	},
	{
		Name:   "answers in several lines",
		Source: "RFC 959, 4.2",
		Dialect: Dialect{Replies: map[string]string{
			"PASV 227": "227-Entering Passive Mode ({tuple})\n227 Entering Passive Mode ({tuple})",
			"EPSV 229": "229-Entering Extended Passive Mode\n" + epsv,
		}},
	},
	{
		Name:    "RFC 959 to the letter",
		Source:  "RFC 959, 4.2 (227) and 3.2 (default data port)",
		Dialect: Dialect{Replies: map[string]string{"PASV 227": "227 Entering Passive Mode. {tuple}"}, DefaultPort: true},
	},
	{
		Name:    "PASV leads nowhere",
		Source:  "github.com/robinrodricks/FluentFTP/issues/270, github.com/giampaolo/pyftpdlib/issues/39: a private address behind NAT",
		Dialect: Dialect{Masquerade: private},
	},
	{
		Name:    "refuses PASV off port 21",
		Source:  "like old firewall products; no single source",
		Dialect: Dialect{OffPort21: refuse("502 Passive mode is not available on this port", "PASV", "EPSV", "LPSV")},
	},
	{
		Name:    "only PASV",
		Source:  "common: PORT switched off against bounce attacks (RFC 2577, 3)",
		Dialect: Dialect{Refused: refuse("500 Illegal PORT command.", "PORT", "EPRT", "LPRT", "EPSV", "LPSV")},
	},
	{
		Name:   "only PORT",
		Source: "southrivertech.com/support/titanftp (502 where PASV is switched off)",
		Dialect: Dialect{
			Refused: refuse("502 Command not implemented.", "PASV", "EPSV", "EPRT", "LPSV", "LPRT"),
		},
	},
	{
		Name:   "only LPSV and LPRT",
		Source: "RFC 1639; the replies as measured with GNU inetutils-ftpd 2.4",
		Dialect: Dialect{
			Replies: map[string]string{"LPRT 200": "200 LPRT command successful."},
			Refused: refuse("500 Unknown command.", "PASV", "EPSV", "PORT", "EPRT"),
		},
	},
	{
		Name:   "one reply too many",
		Source: "github.com/patrickjuchli/basic-ftp/issues/157",
		Dialect: Dialect{Replies: map[string]string{
			"CWD 250": "250 {text}\n250 {text}",
		}},
	},
	{
		Name:   "replies that quote replies",
		Source: "RFC 959, 4.2",
		Dialect: Dialect{
			Greeting: "220-227 Entering Passive Mode (6,6,6,6,1,1)\n 227 Entering Passive Mode (6,6,6,6,1,1)\n220 227 Entering Passive Mode (6,6,6,6,1,1)",
			Replies: map[string]string{
				"PASS 230": "230-229 Entering Extended Passive Mode (|||257|)\n  228 Entering Long Passive Mode (4,4,6,6,6,6,2,1,1)\n230 (|||257|) (6,6,6,6,1,1)",
			},
		},
	},
	{
		Name:   "looks like replies",
		Source: "RFC 959, 4.2; vsftpd, ProFTPD and inetutils-ftpd, measured (names in STAT); curl goes astray even without a proxy",
		Dialect: Dialect{
			Greeting: "220-Welcome\n227 Entering Passive Mode (6,6,6,6,1,1)\n220 Ready",
			Replies: map[string]string{
				"PASS 230": "230-Mind this:\n227 Entering Passive Mode (6,6,6,6,1,1)\n229 Entering Extended Passive Mode (|||257|)\n230 Logged in",
			},
			BareStatus: true,
		},
	},
	{
		Name:   "pyftpdlib",
		Source: "pyftpdlib 1.5.7, measured: connects before its 200, 125 and 150",
		Dialect: Dialect{
			Replies: map[string]string{
				"PASV 227": "227 Entering passive mode ({tuple}).",
				"EPSV 229": "229 Entering extended passive mode (|||{port}|).",
				"150":      "150 File status okay. About to open data connection.",
				"125":      "125 Data connection already open. Transfer starting.",
			},
			EarlyConnect: true,
			Prompt:       true,
		},
	},
	{
		Name:   "busy during transfers",
		Source: "pure-ftpd 1.0.50, measured",
		Dialect: Dialect{
			Busy:    "500 Unknown command",
			Replies: map[string]string{"PASV 227": pasv, "EPSV 229": "229 Extended Passive mode OK (|||{port}|)"},
		},
	},
	{
		Name:    "block and deflate modes",
		Source:  "RFC 959, 3.3 and 3.4.2; draft-preston-ftpext-deflate",
		Dialect: Dialect{Modes: "SBZ"},
	},
}

// TLSOnly are imitations of servers that require TLS, which this server does not
// support: they refuse every client.
var TLSOnly = []Product{
	{
		Name:   "IIS that requires SSL",
		Source: "github.com/salim-lachdhaf/ftpConnect/issues/73",
		Dialect: Dialect{
			Greeting: "220 Microsoft FTP Service",
			Refused:  refuse("534 Policy requires SSL.", "USER", "PASS"),
		},
	},
	{
		Name:   "Serv-U that requires TLS",
		Source: "a published list of the replies of Serv-U 6.x",
		Dialect: Dialect{
			Greeting: "220 Serv-U FTP Server v6.4 for WinSock ready...",
			Refused:  refuse("530 Not logged in, need secure connection.", "PASS"),
		},
	},
	{
		Name:   "vsftpd that requires TLS to log in",
		Source: "vsftpd, prelogin.c",
		Dialect: Dialect{
			Refused: refuse("530 Non-anonymous sessions must use encryption.", "USER", "PASS"),
		},
	},
	{
		Name:   "vsftpd that requires TLS for data",
		Source: "vsftpd, postlogin.c",
		Dialect: Dialect{
			Refused: refuse("522 Data connections must be encrypted.", "LIST", "NLST", "RETR", "STOR", "APPE", "MLSD"),
		},
	},
	{
		Name:   "ProFTPD that requires TLS",
		Source: "ProFTPD, mod_tls.c",
		Dialect: Dialect{
			Refused: refuse("550 SSL/TLS required on the control channel", "USER", "PASS", "PASV", "EPSV", "PORT", "EPRT"),
		},
	},
}
