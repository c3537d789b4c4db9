package ftpfwd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Replies as they were sent, and what each line is: F begins a reply of several
// lines, m is within it, L ends it, 1 is a whole reply, ? belongs to none.
var framedReplies = []struct{ product, source, lines, shape string }{
	// greetings
	{"Pure-FTPd", "robinrodricks/FluentFTP#583", "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------|220-You are user number 3 of 50 allowed.|220-Local time is now 22:21. Server port: 21.|220-This is a private system - No anonymous login|220-IPv6 connections are also welcome on this server.|220 You will be disconnected after 15 minutes of inactivity.", "FmmmmL"},
	{"Pure-FTPd in French", "robinrodricks/FluentFTP#1784", "220---------- Bienvenue sur Pure-FTPd [privsep] [TLS] ----------|220-Vous etes l'utilisateur 1 sur les 250 autorises.|220 Vous serez deconnectes apres 15 minutes d'inactivite.", "FmL"},
	{"Pure-FTPd at Aruba", "salim-lachdhaf/ftpConnect#43", "220-#|220-#|220-#  Aruba.it|220-#  The Web Hosting Company|220-#|220-#|220 This is a private system - No anonymous login|331 User xxxxxx@aruba.it OK. Password required", "FmmmmmL1"},
	{"Mac OS X Server", "rapid7/metasploit-framework#5542", "220--------------------------------------------------------------------------------|220-This is the \"Banner\" message for the Mac OS X Server's FTP server process.|220-|220-  -  Launch the TextEdit application.|220--------------------------------------------------------------------------------|220-|220 test-apps FTP server (Version:  Mac OS X Server) ready.", "FmmmmmL"},
	{"FileZilla Server 0.9.41", "robinrodricks/FluentFTP#187", "220-FileZilla Server version 0.9.41 beta|220-written by Tim Kosse (Tim.Kosse@gmx.de)|220 Please visit http://sourceforge.net/projects/filezilla/", "FmL"},
	{"FileZilla Server 1.9.4", "robinrodricks/FluentFTP#1711", "220-FileZilla Server 1.9.4|220 Please visit https://filezilla-project.org/", "FL"},
	{"z/OS", "robinrodricks/FluentFTP#677", "220-FTPD1 IBM FTP CS V2R3 at XXX.XXXX.COM, 17:41:19 on 2021-02-11.|220 Connection will close if idle for more than 5 minutes.", "FL"},
	{"z/OS V1R7", "IBM SC27-3662-00", "220-FTPD1 IBM FTP CS V1R7 at VIC135.tcp.raleigh.ibm.com, 21:21:49 on 2004-11-08.|220 Connection will not timeout.|331 Send password please.", "FL1"},
	{"OS/400", "OS/400 TCP/IP Configuration and Reference V4R4, figure 150", "220-QTCP at sysnam08.endicott.ibm.com.|220 Connection will close if idle more than 5 minutes.|331 Enter password.|230 ITSO logged on.|250 Now using naming format \"0\".|257 \"QGPL\" is current library.", "FL1111"},
	{"a banner instead of a reply", "python/cpython#123911", "test disclaimer", "?"},
	{"WU-FTPD", "rapid7/recog/xml/ftp_banners.xml", "220 example.com FTP server (Version wu-2.6.2(1) Sat Jul 19 16:21:30 UTC 2008) ready.", "1"},
	{"HP-UX", "rapid7/recog/xml/ftp_banners.xml", "220 example.com FTP server (Version 1.1.214.4(PHNE_38458) Mon Feb 15 06:03:12 GMT 2010) ready.", "1"},
	{"SunOS", "rapid7/recog/xml/ftp_banners.xml", "220 example.com FTP server (SunOS 5.7) ready.", "1"},
	{"EMC Celerra, cut off", "rapid7/recog/xml/ftp_banners.xml", "220 foo4 FTP server (EMC-SNAS: 5.5.31.6) r", "1"},
	{"HP JetDirect", "rapid7/recog/xml/ftp_banners.xml", "220 JD FTP Server Ready", "1"},
	{"VxWorks", "rapid7/recog/xml/ftp_banners.xml", "220 VxWorks (5.3.1) FTP server ready", "1"},
	{"old Pure-FTPd", "rapid7/recog/xml/ftp_banners.xml", "220 =(<*>)=-.:. (( Welcome to PureFTPd 1.1.0 )) .:.-=(<*>)=-", "1"},
	{"Lexmark", "rapid7/recog/xml/ftp_banners.xml", "220 ET000400CEA560 Lexmark T640 FTP Server NS.NP.N219 ready.", "1"},
	{"OS-9", "michaellukashov/Far-NetBox#164", "220 huz1wuma OS9-TCP server (Version 1.3 - 04.03.94) ready.", "1"},
	{"Omron PLC, busy", "Omron CJ1W-ETN21 manual, 4-2-2", "221 FTP server busy, Goodbye.", "1"},

	// logins
	{"B4X: codes alone", "ruby/net-ftp#16", "331|230|200", "111"},
	{"MicroPython: code and blank", "loboris/MicroPython_ESP32_psRAM_LoBo#37", "332 ", "1"},
	{"WS_FTP: no code inside", "robinrodricks/FluentFTP#712", "230-User logged in|Welcome to UL SFTP|230 User logged in", "FmL"},
	{"IIS 5", "twisted/twisted#10719", "230-Carolina Multiple Listing Services, Inc.|230-Direct questions to xxx@...|230 User xxx logged in.", "FmL"},
	{"ms-ftpd", "Adobe, The Site FTP log", "230-Checking disk usage, please wait.|230-|230- Your disk quota is: 5.00 megabytes.|230-|230 User jmacro@macromedia.com logged in.", "FmmmL"},
	{"vsftpd at gnu.org", "jgoerzen/ftphs#14", "230-Due to U.S. Export Regulations, all cryptographic software on this|230-    740.13(e).|230-|230 Login successful.", "FmmL"},
	{"unnamed", "patrickjuchli/basic-ftp#135", "230-Welcome to ##|230 Login OK", "FL"},
	{"ftp.ripe.net: the last line is a code alone", "mscdex/node-ftp#1", "200-blabla|200-|200", "FmL"},

	// status, help, facts
	{"the RFC's example", "RFC 959, 4.2", "123-First line|Second line|  234 A line beginning with numbers|123 The last line", "FmmL"},
	{"libunftp", "bolcom/libunftp#311", "211-Status:|Powered by libunftp: 0.16.0|sbe: unftp::storage::StorageBE|client addr: 127.0.0.1:51613|211 data channel in tls mode: true", "FmmmL"},
	{"ProFTPD in Italian", "fclairamb/ftpserverlib#195", "212-Stato di emptydir:| drwxr-xr-x   2 nicola   nicola       4096 Dec 12 11:13 .| drwx------ 130 nicola   nicola      12288 Dec 12 16:36 ..|212 Fine dello stato", "FmmL"},
	{"vsftpd's HELP", "mirror/busybox/networking/ftpd.c", "214-The following commands are recognized.| ABOR ACCT ALLO APPE CDUP CWD  DELE EPRT EPSV FEAT HELP LIST MDTM MKD| XPWD XRMD|214 Help OK.", "FmmL"},
	{"BusyBox's STAT", "mirror/busybox/networking/ftpd.c", "211-Server status:| TYPE: BINARY|211 Ok", "FmL"},
	{"a code alone inside", "iterate-ch/cyberduck#15892", "250- List|550|250 End of List", "FmL"},
	{"an Android server: an empty line inside", "jlaffaye/ftp#321", "250-| Size=53248;Modify=20230327134339.000;Type=dir; Download||250 Requested file action okay, completed.", "FmmL"},
	{"ftpserverlib before 0.19", "fclairamb/ftpserverlib#349", "250-File details|Type=file;Size=1024;Modify=20220813133357; 1|250 End", "FmL"},
	{"uftpd", "troglobit/uftpd/src/ftpcmd.c", "250- Listing a| type=file;size=1; a|250 End.", "FmL"},

	// names like replies, Telnet, NUL
	{"vsftpd's STAT of a file named like a 227", "measured", "213-Status follows:|a|227 Entering Passive Mode (6,6,6,6,1,1)|b|213 End of status", "FmmmL"},
	{"ProFTPD answers negotiation in front of a reply", "measured", "\xff\xfe\x06\xff\xfc\x06200 NOOP command successful", "1"},
	{"vsftpd: LF in a name is sent as NUL", "measured", "257 \"/a\r\x00b\" created", "1"},

	// transfers
	{"glftpd ends 553- with 150", "veeso/suppaftp#168", "553-|553- Directory excluded (precheck).|150 Opening BINARY mode data connection for x using SSL/TLS.|226 Transfer complete.", "Fm11"},
	{"Pure-FTPd with quota", "jlaffaye/ftp#17", "150 Accepted data connection|226-13 files used (0%) - authorized: 100000 files|226-File successfully transferred|226 0.042 seconds (measured here), 0.83 Mbytes per second", "1FmL"},
	{"Pure-FTPd's LIST", "jedisct1/pure-ftpd#102", "226-Options: -a -l |226 4 matches total", "FL"},
	{"Pure-FTPd after REST: 150 for 226", "jedisct1/pure-ftpd#138", "150-Accepted data connection|150 303557.4 kbytes to download|150 4.611 seconds (measured here), 222.06 Kbytes per second", "FL1"},
	{"IBM i", "robinrodricks/FluentFTP#1385", "125-NAMEFMT set to 1|125 LIST started|250 List Completed", "FL1"},
	{"z/OS JES", "robinrodricks/FluentFTP#747", "125-Submitting job TEST FIXrecfm 80|125 Unable to send ASTYS.TEST|550 Transfer aborted", "FL1"},
	{"ProFTPD replies twice to NLST", "proftpd/proftpd#2339", "226 Transfer complete|226 Transfer complete", "11"},
	{"aioftp 0.15", "aio-libs/aioftp#85", "227-listen socket created|227 (127,0,0,1,154,21)", "FL"},
}

func TestRepliesOfRealServersAreFramed(t *testing.T) {
	for _, c := range framedReplies {
		var r replyReader
		var shape strings.Builder
		for _, line := range strings.Split(c.lines, "|") {
			l := r.next([]byte(line + "\r\n"))
			switch {
			case l.first && l.last:
				shape.WriteByte('1')
			case l.first:
				shape.WriteByte('F')
			case l.last:
				shape.WriteByte('L')
			case l.code != 0:
				shape.WriteByte('m')
			default:
				shape.WriteByte('?')
			}
		}
		assert.Equal(t, c.shape, shape.String(), "%s (%s)", c.product, c.source)
		assert.Zero(t, r.open, "%s (%s) has ended", c.product, c.source)
	}
}
