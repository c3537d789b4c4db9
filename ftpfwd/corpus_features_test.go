package ftpfwd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Replies to FEAT. A # marks the lines that the client does not receive: they offer
// TLS, or commands that open data ports in ways that are not followed. FluentFTP's
// logs show no blank in front of a feature. Some servers send none, so the lines
// are kept as they were logged.
var featureReplies = []struct{ product, source, reply string }{
	{"vsftpd with TLS", "dagwieers/vsftpd/features.c",
		"211-Features:|# AUTH SSL|# AUTH TLS| EPRT| EPSV| MDTM| PASV|# PBSZ|# PROT| REST STREAM| SIZE| TVFS|211 End"},
	{"vsftpd at ftp.kernel.org", "mirror/busybox/networking/ftpd.c",
		"211-Features:| EPRT| EPSV| MDTM| PASV| REST STREAM| SIZE| TVFS| UTF8|211 End"},
	{"BusyBox", "mirror/busybox/networking/ftpd.c",
		"211-Features:| EPSV| PASV| REST STREAM| MDTM| SIZE|211 Ok"},
	{"ProFTPD", "fclairamb/ftpserverlib#212",
		"211-Features:|# AUTH TLS|# CCC| CLNT| EPRT| EPSV| HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512;| HOST| LANG it-IT.UTF-8*;it-IT;en-US.UTF-8;en-US| MD5| MDTM| MFF modify;UNIX.group;UNIX.mode;| MFMT|" +
			" MLST modify*;perm*;size*;type*;unique*;UNIX.group*;UNIX.groupname*;UNIX.mode*;UNIX.owner*;UNIX.ownername*;|# PBSZ|# PROT| RANG STREAM| REST STREAM| SIZE|# SSCN| TVFS| UTF8| XCRC| XMD5| XSHA| XSHA1| XSHA256| XSHA512|211 Fine"},
	{"ProFTPD without TLS", "lavv17/lftp#184",
		"211-Features:| MDTM| MFMT| MFF modify;UNIX.group;UNIX.mode;| MLST modify*;perm*;size*;type*;unique*;UNIX.group*;UNIX.mode*;UNIX.owner*;| REST STREAM| SIZE|211 End"},
	{"ProFTPD, MultilineRFC2228", "robinrodricks/FluentFTP#766",
		"211-Features:|#211-AUTH TLS|#211-CCC|211-CLNT|211-EPRT|211-EPSV|211-HOST|211-LANG en-GB.UTF-8*|211-MDTM|211-MFF modify;UNIX.group;UNIX.mode;|211-MFMT|" +
			"211-MLST modify*;perm*;size*;type*;unique*;UNIX.group*;UNIX.groupname*;UNIX.mode*;UNIX.owner*;UNIX.ownername*;|#211-PBSZ|#211-PROT|211-REST STREAM|211-SIZE|#211-SSCN|211-TVFS|211-UTF8|211 End"},
	{"ProFTPD 1.3.6b", "bentonstark/starksoft-aspen#43",
		"211-Features:|#211-AUTH TLS|#211-CCC|211-CLNT|211-EPRT|211-EPSV|211-HOST|211-LANG en-US.UTF-8*;en-US|211-MDTM|211-MFF modify;UNIX.group;UNIX.mode;|211-MFMT|" +
			"211-MLST modify*;perm*;size*;type*;unique*;UNIX.group*;UNIX.groupname*;UNIX.mode*;UNIX.owner*;UNIX.ownername*;|#211-PBSZ|#211-PROT|211-REST STREAM|211-SITE COPY|211-SITE MKDIR|211-SITE RMDIR|211-SITE SYMLINK|211-SITE UTIME|211-SIZE|211 End"},
	{"Pure-FTPd", "robinrodricks/FluentFTP#1784",
		"211-Extensions supported:| EPRT| IDLE| MDTM| SIZE| MFMT| REST STREAM| MLST type*;size*;sizd*;modify*;UNIX.mode*;UNIX.uid*;UNIX.gid*;unique*;| MLSD|# AUTH TLS|# PBSZ|# PROT| UTF8|# ESTA| PASV| EPSV|# SPSV|# ESTP|211 End."},
	{"Pure-FTPd with PRET", "patrickjuchli/basic-ftp#213",
		"211-Extensions supported:| UTF8| EPRT| IDLE| MDTM| SIZE| MFMT| REST STREAM| MLST type*;size*;sizd*;modify*;UNIX.mode*;UNIX.uid*;UNIX.gid*;unique*;| MLSD| PRET|# AUTH TLS|# PBSZ|# PROT| TVFS|# ESTA| PASV| EPSV|# ESTP|211 End."},
	{"IIS", "liximomo/vscode-sftp#354",
		"211-Extended features supported:| LANG EN*| UTF8|# AUTH TLS;TLS-C;SSL;TLS-P;|# PBSZ|# PROT C;P;|# CCC| HOST| SIZE| MDTM| REST STREAM|211 END"},
	{"IIS", "robinrodricks/FluentFTP#1541",
		"211-Extended features supported:|#AUTH TLS;TLS-C;SSL;TLS-P;|#PBSZ|#PROT C;P;|#CCC|HOST|SIZE|MDTM|REST STREAM|211 END"},
	{"FileZilla Server 1", "robinrodricks/FluentFTP#1270",
		"211-Features:|MDTM|REST STREAM|SIZE|MLST type*;size*;modify*;perm*;|MLSD|#AUTH SSL|#AUTH TLS|#PROT|#PBSZ|UTF8|TVFS|EPSV|EPRT|MFMT|211 End"},
	{"FileZilla Server 0.9.41", "robinrodricks/FluentFTP#187",
		"211-Features:|MDTM|REST STREAM|SIZE|MLST type*;size*;modify*;|MLSD|UTF8|CLNT|MFMT|211 End"},
	{"WS_FTP Server 8.5", "robinrodricks/FluentFTP#712",
		"211-Extensions supported|SIZE|XMD5|XSHA1|XSHA256|XSHA512|XQUOTA|LANG EN, ES, FR, GE|MDTM|MLST size*;type*;perm*;create*;modify*;|REST STREAM|TVFS|UTF8|#AUTH SSL;TLS-P;|#PBSZ|#PROT C;P;|211 end"},
	{"z/OS V2R3", "robinrodricks/FluentFTP#677",
		"211- Extensions supported|#AUTH TLS|#PBSZ|#PROT|211 End"},
	{"OS/400 V6R1M0", "robinrodricks/FluentFTP#388",
		"211-Feature listing follows:|#AUTH TLS|#CCC|#PBSZ|#PROT|211 End of feature listing."},
	{"Apache FtpServer", "apache/mina-ftpserver/core/src/main/resources/org/apache/ftpserver/message/FtpStatus.properties",
		"211-Extensions supported| SIZE| MDTM| REST STREAM| LANG en;zh-tw;ja;is| MLST Size;Modify;Type;Perm|# AUTH SSL|# AUTH TLS| MODE Z| UTF8| TVFS| MD5| MMD5| MFMT|211 End"},
	{"SwiFTP 2.15.0", "lavv17/lftp#370",
		"211-Features supported by FTP Server| UTF8| MDTM| MFMT| MLST Type*;Size*;Modify*;Perm|211 End"},
	{"ftpd, empty first line", "robinrodricks/FluentFTP#319",
		"211-|MDTM|MLST Type*;Size*;Modify*;Perm*;UNIX.mode;|PASV|SIZE|TVFS|UTF8|211 End"},
	{"libunftp", "bolcom/libunftp#536",
		"211-Extensions supported:| EPSV| MDTM| MLST| REST STREAM| SITE MD5| SIZE| UTF8|211 END"},
	{"libunftp 0.1, in words", "bolcom/libunftp#34",
		"211-Extensions supported:|#AUTH (Authentication/Security Mechanism)|#PBSZ (Protection Buffer Size)|#PROT (Data Channel Protection Level)|SIZE (File Transfer Size)|211 END"},
	{"MicroPython", "loboris/MicroPython_ESP32_psRAM_LoBo#37", "211 no-features"},
	{"vsftpd behind a firewall", "icetee/remote-ftp#1031", "500 command not understood"},
	{"GL240 data logger", "lavv17/lftp#513", "500 'FEAT': command not understood."},
	{"DrFTPD before login", "jlaffaye/ftp#200", "530 Not logged in."},
}

func TestFEATOfRealServersIsFiltered(t *testing.T) {
	for _, c := range featureReplies {
		var sent, want []string
		for _, line := range strings.Split(c.reply, "|") {
			sent = append(sent, strings.TrimPrefix(line, "#"))
			if !strings.HasPrefix(line, "#") {
				want = append(want, line)
			}
		}
		withRig(t, func(r *rig) {
			r.client.send("FEAT")
			r.server.expect("FEAT")
			r.server.send(sent...)
			var received []string
			for last := sent[len(sent)-1]; len(received) == 0 || received[len(received)-1] != last; {
				received = append(received, r.client.receive())
			}
			assert.Equal(r.t, want, received, "%s (%s)", c.product, c.source)

			// The reply has ended: the next line is the reply to the next command.
			r.client.send("STAT")
			r.server.expect("STAT")
			r.server.send("211 AUTH TLS")
			assert.Equal(r.t, "211 AUTH TLS", r.client.receive(), "%s (%s)", c.product, c.source)
		})
	}
}

func TestFEATOfRealServersIsFramedAsOneReply(t *testing.T) {
	for _, c := range featureReplies {
		var r replyReader
		lines := strings.Split(c.reply, "|")
		for i, line := range lines {
			l := r.next([]byte(strings.TrimPrefix(line, "#") + "\r\n"))
			assert.Equal(t, i == 0, l.first, "%s (%s): %q", c.product, c.source, line)
			assert.Equal(t, i == len(lines)-1, l.last, "%s (%s): %q", c.product, c.source, line)
		}
	}
}
