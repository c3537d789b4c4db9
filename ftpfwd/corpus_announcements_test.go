package ftpfwd

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The corpus_*_test.go files hold lines of real servers and clients, each with its
// product and its source: an issue (owner/name#n, at github.com), a source file
// (owner/name/path), an RFC, a manual, or a server that was tried ("measured": the
// codes are the server's, the texts need not be). Where the source has no numbers or
// names, because its author masked them or a program fills them in, they are
// invented.

// An announcementRow is a reply to PASV, EPSV or LPSV. numbers is the part that is
// replaced; if it is empty, the line passes unchanged.
type announcementRow struct {
	product, source, line, numbers string
	port                           uint16
}

var passiveReplies = []announcementRow{
	{"vsftpd", "michaellukashov/Far-NetBox#256", "227 Entering Passive Mode (213,138,116,78,216,225).", "213,138,116,78,216,225", 55521},
	{"vsftpd, masquerading", "hestiacp/hestiacp#4591", "227 Entering Passive Mode (1,2,3,4,46,238).", "1,2,3,4,46,238", 12014},
	{"vsftpd 2.0.5 by its banner", "icetee/remote-ftp#1031", "227 Entering Passive Mode (202,232,39,229,162,118)", "202,232,39,229,162,118", 41590},
	{"vsftpd 3.0.3 on IPv6", "measured", "227 Entering Passive Mode (0,0,0,0,101,166).", "0,0,0,0,101,166", 26022},
	{"ProFTPD 1.3.8 on IPv6", "measured", "227 Entering Passive Mode (1,155,25).", "1,155,25", 39705},
	{"ProFTPD on IPv6", "jlaffaye/ftp#236", "227 Entering Passive Mode (2,233,252).", "2,233,252", 59900},
	{"pyftpdlib 1.5.7 on IPv6", "measured", "227 Entering passive mode (::1,234,65).", "::1,234,65", 59969},
	{"pyftpdlib", "giampaolo/pyftpdlib#192", "227 Entering passive mode (88,88,88,88,194,179).", "88,88,88,88,194,179", 49843},
	{"DrFTPD on IPv6", "drftpd-ng/drftpd#19", "227 Entering Passive Mode (0:0:0:0:0:0:0:1,219,195).", "0:0:0:0:0:0:0:1,219,195", 56259},
	{"IBM i, address with dots", "robinrodricks/FluentFTP#1571", "227 Entering Passive Mode (1.1.1.1,189,255).", "1.1.1.1,189,255", 48639},
	{"Pure-FTPd", "cathery/sys-ftpd#7", "227 Entering Passive Mode (127,0,0,1,192,238)", "127,0,0,1,192,238", 49390},
	{"sys-ftpd", "cathery/sys-ftpd#7", "227 192,168,178,39,184,244", "192,168,178,39,184,244", 47348},
	{"B4X FTP Server", "ruby/net-ftp#16", "227 192,168,7,97,199,99", "192,168,7,97,199,99", 51043},
	{"aioftp 0.15, last line", "aio-libs/aioftp#85", "227 (127,0,0,1,154,21)", "127,0,0,1,154,21", 39445},
	{"aioftp 0.15 on 0.0.0.0", "aio-libs/aioftp#108", "227 (0,0,0,0,137,217)", "0,0,0,0,137,217", 35289},
	{"aioftp", "aio-libs/aioftp/src/aioftp/server.py", "227 listen socket created (127,0,0,1,4,51)", "127,0,0,1,4,51", 1075},
	{"aioftp, PASV again", "aio-libs/aioftp/src/aioftp/server.py", "227 listen socket already exists (127,0,0,1,4,51)", "127,0,0,1,4,51", 1075},
	{"nodeftpd", "addrummond/nodeftpd#9", "227 Entering Passive Mode (107,6,105,162,4,1)", "107,6,105,162,4,1", 1025},
	{"nodeftpd", "mscdex/node-ftp#155", "227 Entering Passive Mode (192,168,10,133,213,117)", "192,168,10,133,213,117", 54645},
	{"ftpii on a Wii", "joedj/ftpii#114", "227 Entering Passive Mode (192,168,1,129,4,0).", "192,168,1,129,4,0", 1024},
	{"ftpii 0.0.21", "joedj/ftpii#95", "227 Entering Passive Mode (192,168,2,102,4,0)", "192,168,2,102,4,0", 1024},
	{"LightFTP", "hfiref0x/LightFTP#1", "227 Entering Passive Mode (10,14,20,57,202,145)", "10,14,20,57,202,145", 51857},
	{"behind a load balancer", "curl/curl#13084", "227 Entering Passive Mode (3,249,53,208,237,104).", "3,249,53,208,237,104", 60776},
	{"Globus GridFTP, its own loopback", "gridcf/gct#121", "227 Entering Passive Mode (127,0,0,1,86,255)", "127,0,0,1,86,255", 22271},
	{"MEGAcmd", "meganz/MEGAcmd#543", "227 Entering Passive Mode (127,0,0,1,5,224)", "127,0,0,1,5,224", 1504},
	{"GL240 data logger, blanks at the end", "lavv17/lftp#513", "227 Entering Passive Mode (192,168,10,5,136,135)                     ", "192,168,10,5,136,135", 34951},
	{"after a surplus 250", "patrickjuchli/basic-ftp#157", "227 Entering Passive Mode (92,53,68,202,39,116)", "92,53,68,202,39,116", 10100},
	{"to EPSV, FileZilla Server by its words", "patrickjuchli/basic-ftp#164", "227 Entering Passive Mode (91,190,231,97,119,66).", "91,190,231,97,119,66", 30530},
	{"to EPSV", "patrickjuchli/basic-ftp#135", "227 Entering Passive Mode (91,220,214,97,201,133)", "91,220,214,97,201,133", 51589},
	{"to EPSV, blanks at the commas", "robinrodricks/FluentFTP#654", "227 Entering Passive Mode( 10, 0, 0, 1, 143,225).", "10, 0, 0, 1, 143,225", 36833},
	{"shared hosting", "lukasz-wronski/vscode-ftp-sync#136", "227 Entering Passive Mode (62,93,192,49,159,78).", "62,93,192,49,159,78", 40782},
	{"BusyBox", "mirror/busybox/networking/ftpd.c", "227 PASV ok (192,168,1,1,4,51)", "192,168,1,1,4,51", 1075},
	{"BusyBox on IPv6", "mirror/busybox/networking/ftpd.c", "227 PASV ok (0,0,0,0,4,51)", "0,0,0,0,4,51", 1075},
	{"uftpd", "troglobit/uftpd/src/ftpcmd.c", "227 Entering Passive Mode (192,168,1,1,4,51)", "192,168,1,1,4,51", 1075},
	{"Twisted", "twisted/twisted/src/twisted/protocols/ftp.py", "227 Entering Passive Mode (127,0,0,1,4,51).", "127,0,0,1,4,51", 1075},
	{"the RFC's own form", "RFC 959, 4.1.2", "227 Entering Passive Mode. 10,0,0,1,4,51", "10,0,0,1,4,51", 1075},
	{"publicfile", "cr.yp.to/ftp/retr.html", "227 =10,0,0,1,4,51", "10,0,0,1,4,51", 1075},
	{"seen by curl", "curl/curl/lib/ftp.c", "227 Data transfer will passively listen to 127,0,0,1,4,51", "127,0,0,1,4,51", 1075},
	{"seen by curl", "curl/curl/lib/ftp.c", "227 Entering passive mode. 127,0,0,1,4,51", "127,0,0,1,4,51", 1075},

	{"Pure-FTPd at the end of a session", "jedisct1/pure-ftpd#175", "227 Logout.", "", 0},
	{"LightFTP, half a line", "hfiref0x/LightFTP#1", "227 Entering Passive Mode (", "", 0},
	{"numbers out of range", "curl/curl/tests/data/test237", "227 Entering Passiv Mode (1216,256,2,127,127,127)", "", 0},
	{"aioftp 0.15, first line", "aio-libs/aioftp#108", "227-listen socket created", "", 0},
}

var extendedReplies = []announcementRow{
	{"the RFC's own form", "RFC 2428, 3", "229 Entering Extended Passive Mode (|||6446|)", "6446", 6446},
	{"vsftpd 2.0.5 by its banner", "icetee/remote-ftp#1031", "229 Entering Passive Mode (|||63539|)", "63539", 63539},
	{"Serv-U 15.1.3.3", "aio-libs/aioftp#69", "229 Entering Extended Passive Mode (|||50006|).", "50006", 50006},
	{"Twisted", "twisted/twisted/src/twisted/protocols/ftp.py", "229 Entering Extended Passive Mode (|||50006|).", "50006", 50006},
	{"Pure-FTPd", "SamKirkland/FTP-Deploy-Action#322", "229 Extended Passive mode OK (|||51688|)", "51688", 51688},
	{"FileZilla Server 0.9.41", "robinrodricks/FluentFTP#187", "229 Entering Extended Passive Mode (|||57119|)", "57119", 57119},
	{"Apache FtpServer", "apache/mina-ftpserver/core/src/main/resources/org/apache/ftpserver/message/FtpStatus.properties", "229 Entering Passive Mode (|||50006|)", "50006", 50006},
	{"Globus GridFTP", "gridcf/gct#132", "229 Entering Passive Mode (|||50000|)", "50000", 50000},
	{"aioftp", "aio-libs/aioftp/src/aioftp/server.py", "229 listen socket created (|||50006|)", "50006", 50006},
	{"BusyBox", "mirror/busybox/networking/ftpd.c", "229 EPSV ok (|||50006|)", "50006", 50006},
	{"uftpd", "troglobit/uftpd/src/ftpcmd.c", "229 Entering Extended Passive Mode (|||50006|)", "50006", 50006},
	{"ELKS", "ghaerr/elks#2800", "229 Entering Extended Passive Mode (|||49152|)", "49152", 49152},
	{"low port", "salim-lachdhaf/ftpConnect#33", "229 Entering Extended Passive Mode (|||1826|)", "1826", 1826},

	{"port out of range", "curl/curl/tests/data/test238", "229 Entering Passiv Mode (|||1000000|)", "", 0},
	{"glftpd after CEPR ON", "lavv17/lftp#478", "229 Entering Extended Passive Mode (|1|192.0.2.1|50006|)", "", 0},
	{"glftpd after CEPR ON, IPv6", "lavv17/lftp#478", "229 Entering Extended Passive Mode (|2|2001:db8::1|50006|)", "", 0},
}

// Not every client can read these: clients receive the form of RFC 2428 instead.
var looseReplies = []announcementRow{
	{"BulletProof, one bar missing", "robinrodricks/FluentFTP#1793", "229 Entering Extended Passive Mode (||50006|)", "", 50006},
	{"HP-UX, as its manual prints it", "WU-FTPD 2.6.1 Release Notes 5900-2465, example 11", "229 Entering Extended Passive Mode ( 9495 ).", "", 9495},
}

// Replies to LPSV are never rewritten.
var longReplies = []announcementRow{
	{"inetutils-ftpd 2.4", "measured", "228 Entering Long Passive Mode (4,4,127,0,0,1,2,205,11)", "", 0},
	{"HP-UX wu-ftpd 2.6.1", "WU-FTPD 2.6.1 release notes 5900-1739, example 13", "228 Entering Long Passive Mode (6,16,254,128,0,0,0,0,0,0, 2,96,176,255,254,193,123,47,2,134,7)", "", 0},
}

func allAnnouncements() (rows []announcementRow) {
	return append(append(append(rows, passiveReplies...), extendedReplies...), longReplies...)
}

func TestRewriteReplacesNumbersOnly(t *testing.T) {
	own := netip.MustParseAddrPort("127.0.0.1:40000")
	for _, c := range allAnnouncements() {
		code, _, at := replyCode([]byte(c.line))
		a, ok := findAnnouncement(code, c.line[at:])
		if c.numbers == "" {
			assert.False(t, ok, "%s (%s): %q", c.product, c.source, c.line)
			continue
		}
		if !assert.True(t, ok, "%s (%s): %q", c.product, c.source, c.line) {
			continue
		}
		require.Equal(t, 1, strings.Count(c.line, c.numbers), c.line)
		want := "127,0,0,1,156,64"
		if code == 229 {
			want = "40000"
		}
		assert.Equal(t, c.port, a.addr.Port(), "%s (%s)", c.product, c.source)
		assert.Equal(t, strings.Replace(c.line, c.numbers, want, 1), c.line[:at]+a.rewrite(c.line[at:], own), "%s (%s)", c.product, c.source)
	}
}

func TestSessionReplacesNumbersOfAnnouncementsOnly(t *testing.T) {
	for _, c := range append(append([]announcementRow{}, passiveReplies...), extendedReplies...) {
		if strings.HasPrefix(c.line, "227-") {
			continue // see TestAddressInLastLineOf227IsRewritten
		}
		command := "PASV"
		if strings.HasPrefix(c.line, "229") {
			command = "EPSV"
		}
		withRig(t, func(r *rig) {
			r.client.send(command)
			r.server.expect(command)
			r.server.send(c.line)
			received := r.client.receive()
			if c.numbers == "" {
				assert.Equal(r.t, c.line, received, "%s (%s)", c.product, c.source)
				return
			}
			before, after, _ := strings.Cut(c.line, c.numbers)
			assert.NotEqual(r.t, c.line, received, "%s (%s)", c.product, c.source)
			assert.True(r.t, strings.HasPrefix(received, before) && strings.HasSuffix(received, after), "%s (%s): %q became %q", c.product, c.source, c.line, received)
		})
	}
}
