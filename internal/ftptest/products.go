package ftptest

import "net/netip"

// A Product is an FTP server that cannot be had here, and how it speaks.
type Product struct {
	Name    string
	Source  string // where that is documented
	Dialect Dialect
}

// Stale is the address that some of them name in their 227, as behind a router
// that translates addresses: one that leads nowhere.
var Stale = netip.MustParseAddr("192.168.1.5")

// Sources of what several products say.
const (
	transcripts = "transcripts of sessions in public repositories"
	probes      = "nmap-service-probes, and " + transcripts
	traps       = "a kind of server that users of many products report"
)

// unknown refuses commands as servers do that do not know them.
func unknown(verbs ...string) map[string]string {
	refuses := make(map[string]string)
	for _, verb := range verbs {
		refuses[verb] = "500 '" + verb + "': command not understood."
	}
	return refuses
}

// old are the commands that came with RFC 2428 and RFC 3659.
var old = []string{"EPSV", "EPRT", "MLSD", "MLST", "FEAT", "OPTS"}

// Products are servers that tests are done with.
var Products = []Product{
	{"IIS FTP", transcripts, Dialect{
		Greeting: []string{"220 Microsoft FTP Service"}, AskPassword: "331 Password required", Welcome: []string{"230 User logged in."},
		System: "215 Windows_NT", Features: []string{"AUTH TLS;TLS-C;SSL;TLS-P;", "PBSZ", "PROT C;P;", "CCC", "HOST", "SIZE", "MDTM", "REST STREAM"},
		Passive: "Entering Passive Mode (%s).", ExtendedPassive: "Entering Extended Passive Mode (|||%d|)",
		Named: Stale, Port: "200 PORT command successful.", Begun: "125 Data connection already open; Transfer starting.",
		Done: "226 Transfer complete.", DOSListing: true,
	}},
	{"IIS 6 FTP", transcripts, Dialect{
		Greeting: []string{"220-Microsoft FTP Service", "220 ready"}, AskPassword: "331 Password required for bob.",
		Welcome: []string{"230-Welcome.", "230 User bob logged in."}, System: "215 Windows_NT", Passive: "Entering Passive Mode (%s).",
		Named: Stale, Port: "200 PORT command successful.", Begun: "150 Opening BINARY mode data connection.", Done: "226 Transfer complete.",
		DOSListing: true, Refuses: unknown(old...),
	}},
	{"Serv-U", transcripts, Dialect{
		Greeting: []string{"220 Serv-U FTP Server v6.4 for WinSock ready..."}, AskPassword: "331 User name okay, need password.",
		Welcome: []string{"230 User logged in, proceed."}, Passive: "Entering Passive Mode (%s)",
		ExtendedPassive: "Entering Extended Passive Mode (|||%d|).", Named: Stale, Port: "200 PORT Command successful.",
		Begun: "150 Opening BINARY mode data connection.", Done: "226 Transfer complete.",
		Features: []string{"AUTH TLS", "SSCN", "PBSZ", "PROT", "CCC", "CLNT", "SIZE", "MDTM", "REST STREAM"},
	}},
	{"GuildFTPd", probes, Dialect{
		Greeting:    []string{"220-GuildFTPd FTP Server (c) 1997-2002", "220-Version 0.999.14", "220 Please enter your name:"},
		AskPassword: "331 User name okay, Need password.", Welcome: []string{"230 User logged in."}, Passive: "Entering Passive Mode (%s)",
		Named: Stale, Refuses: unknown("EPSV", "EPRT", "MLSD", "MLST", "OPTS"), Features: []string{"SIZE", "MDTM", "REST STREAM"},
	}},
	{"BPFTP", probes, Dialect{
		Greeting: []string{"220 BulletProof FTP Server ready ..."}, AskPassword: "331 Password required for bob.",
		Welcome: []string{"230 User bob logged in."}, Passive: "Entering Passive Mode (%s)", Named: Stale, Refuses: unknown(old...),
	}},
	{"FileZilla Server 0.9", transcripts, Dialect{
		Greeting: []string{
			"220-FileZilla Server 0.9.60 beta", "220-written by Tim Kosse (tim.kosse@filezilla-project.org)",
			"220 Please visit https://filezilla-project.org/",
		},
		AskPassword: "331 Password required for bob", Welcome: []string{"230 Logged on"}, System: "215 UNIX emulated by FileZilla",
		Passive: "Entering Passive Mode (%s)", ExtendedPassive: "Entering Extended Passive Mode (|||%d|)", Named: Stale,
		Port: "200 Port command successful", Begun: "150 Opening data channel for file transfer.", Done: "226 Successfully transferred",
		Features: []string{"MDTM", "REST STREAM", "SIZE", "MLST type*;size*;modify*;", "MLSD", "AUTH SSL", "AUTH TLS", "PROT", "PBSZ", "UTF8", "CLNT", "EPSV", "EPRT"},
	}},
	{"wu-ftpd", transcripts, Dialect{
		Greeting: []string{"220 host FTP server (Version wu-2.6.2(1) Mon Dec 3 15:26:19 MST 2001) ready."}, AskPassword: "331 Password required for bob.",
		Welcome: []string{"230 User bob logged in."}, Passive: "Entering Passive Mode (%s)", Port: "200 PORT command successful.",
		Begun: "150 Opening BINARY mode data connection.", Done: "226 Transfer complete.", Refuses: unknown(old...),
	}},
	{"z/OS", transcripts, Dialect{
		Greeting: []string{
			"220-FTPD1 IBM FTP CS V1R10 at HOST, 21:32:59 on 2020/12/19.", "220 Connection will close if idle for more than 5 minutes.",
		},
		AskPassword: "331 Send password please.", Welcome: []string{`230 BOB is logged on.  Working directory is "BOB.".`},
		System: "215 MVS is the operating system of this server. FTP Server is running on z/OS.", Passive: "Entering Passive Mode (%s).",
		Port: "200 Port request OK.", Begun: "125 Transfer started", Done: "250 Transfer completed successfully.", Block: true,
		Refuses: unknown("MLSD", "MLST", "OPTS", "EPRT", "EPSV"), Features: []string{"SIZE", "MDTM"},
	}},
	{"AS/400", transcripts, Dialect{
		Greeting: []string{"220-QTCP at host.example.com.", "220 Connection will close if idle more than 5 minutes."}, AskPassword: "331 Enter password.",
		Welcome: []string{"230 BOB logged on."}, System: `215  OS/400 is the remote operating system. The TCP/IP version is "V5R2M0".`,
		Passive: "Entering Passive Mode (%s).", Port: "200 PORT subcommand request successful.",
		Begun: "150 Retrieving or sending file.", Done: "250 File transfer completed successfully.",
		Refuses: map[string]string{
			"OPTS": "501 OPTS unsuccessful; specified subcommand not recognized.", "EPSV": "501 EPSV unsuccessful; specified subcommand not recognized.",
			"EPRT": "501 EPRT unsuccessful; specified subcommand not recognized.", "MLSD": "501 MLSD unsuccessful; specified subcommand not recognized.",
			"MLST": "501 MLST unsuccessful; specified subcommand not recognized.",
		},
		Features: []string{"SIZE", "MDTM"},
	}},
	{"publicfile's dialect", "https://cr.yp.to/ftp/retr.html", Dialect{Passive: "=%s", Refuses: unknown(old...)}},
	{"sys-ftpd", "https://github.com/cathery/sys-ftpd/issues/7", Dialect{Passive: "%s", Refuses: unknown("EPSV", "EPRT")}},
	{"only PASV", traps, Dialect{Passive: "Entering Passive Mode (%s).", Named: Stale, Refuses: unknown("EPSV", "EPRT", "PORT")}},
	{"only PORT", traps, Dialect{Refuses: unknown("EPSV", "EPRT", "PASV")}},
	{"misleading texts", "traps for readers along", Dialect{
		Greeting: []string{"220-Welcome", "227 Entering Passive Mode (6,6,6,6,1,1)", "220-229 (|||6|)", "220 ready"},
		Welcome:  []string{"230-Hello", "227 Entering Passive Mode (6,6,6,6,1,1)", "230 In"},
		Features: []string{"SIZE", "229 Entering Extended Passive Mode (|||6|)", "MDTM"},
		Passive:  "Entering Passive Mode 17 (%s).", Named: Stale, Done: "226 227 Entering Passive Mode (6,6,6,6,1,1)",
	}},
}
