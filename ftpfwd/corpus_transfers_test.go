package ftpfwd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Lines of control connections around transfers: commands with > in front, and the
// server's. A * marks the line that ends the transfer. left are the commands that
// are outstanding at the end.
var transferDialogues = []struct{ product, source, lines, left string }{
	// preliminary and final replies
	{"vsftpd", "michaellukashov/Far-NetBox#256", ">LIST -a|150 Here comes the directory listing.|*226 Directory send OK.", ""},
	{"IIS replies 125", "sergi/jsftp#62", ">STOR a|125 Data connection already open; Transfer starting.|*226 Transfer complete.", ""},
	{"unnamed", "salim-lachdhaf/ftpConnect#33", ">RETR 202110100551.jpg|150 Data connection accepted; transfer starting for  202110100551.jpg (170945 Bytes).|*226 File sent successful. Transferred:170945Bytes;Average speed is:190.135KB/s", ""},
	{"MEGAcmd ends with 250", "meganz/MEGAcmd#543", ">STOR example.pdf|150 Opening data connection for storing example.pdf|*250 Requested file action okay, completed", ""},
	{"IBM i: several lines of 125, ends with 250", "robinrodricks/FluentFTP#1385", ">LIST /E920/PY920/Export/Concur|125-NAMEFMT set to 1|125 LIST started|*250 List Completed", ""},
	{"z/OS JES", "robinrodricks/FluentFTP#747", ">RETR TEST|125-Submitting job TEST FIXrecfm 80|125 Unable to send ASTYS.TEST|*550 Transfer aborted", ""},
	{"z/OS, no such file", "robinrodricks/FluentFTP#677", ">LIST ['DEVCDP.*']|*550 No data sets found.", ""},
	{"Pure-FTPd with quota", "jlaffaye/ftp#17", ">STOR foobar|150 Accepted data connection|*226-13 files used (0%) - authorized: 100000 files|226-File successfully transferred|226 0.042 seconds (measured here), 0.83 Mbytes per second", ""},
	{"Pure-FTPd's LIST", "jedisct1/pure-ftpd#102", ">LIST|150 Accepted data connection|*226-Options: -a -l |226 4 matches total", ""},
	{"Pure-FTPd after REST: 150 for 226", "jedisct1/pure-ftpd#138", ">RETR testfile.bin|150-Accepted data connection|150 303557.4 kbytes to download|150 4.611 seconds (measured here), 222.06 Kbytes per second", "RETR"},
	{"Pure-FTPd, the data connection broke", "SamKirkland/FTP-Deploy-Action#322", ">STOR assets/icon/apple-icon-72x72.png|150 Accepted data connection|*451-Error during read from data connection|451 0.042 seconds (measured here)", ""},
	{"no preliminary reply", "python/cpython/Lib/ftplib.py", ">RETR a|*226 Transfer complete.", ""},
	{"200 before 150", "python/cpython/Lib/ftplib.py", ">LIST|200|150 Opening ASCII mode data connection|*226 Transfer complete.", ""},
	{"LightFTP", "hfiref0x/LightFTP#23", ">LIST|150 File status okay; about to open data connection.|*451 Requested action aborted. Local error in processing.", ""},
	{"ftpii: code 520", "joedj/ftpii#95", ">LIST|150 Transferring data.|*520 Closing data connection, error occured during transfer.", ""},
	{"ftpd on a Switch", "mtheall/ftpd#116", ">PORT 192,168,1,2,10,0|200 OK|>MLSD /|*425 Can't open data connection", ""},
	{"SimpleFTPServer", "xreef/SimpleFTPServer#17", ">MLSD|*425 No data connection", ""},
	{"vsftpd, no connection", "measured", ">RETR a|*425 Failed to establish connection.", ""},
	{"vsftpd, another peer", "measured", ">RETR a|*425 Security: Bad IP connecting.", ""},
	{"vsftpd, neither PASV nor PORT", "measured", ">RETR a|*425 Use PORT or PASV first.", ""},
	{"Twisted", "twisted/twisted/src/twisted/protocols/ftp.py", ">RETR a|125 Data connection already open, starting transfer|*426 Transfer aborted.  Data connection closed.", ""},
	{"Twisted", "twisted/twisted/src/twisted/protocols/ftp.py", ">STOR a|150 File status okay; about to open data connection.|*452 Requested action aborted. Insufficient storage.", ""},
	{"Twisted", "twisted/twisted/src/twisted/protocols/ftp.py", ">STOR a|150 File status okay; about to open data connection.|*552 Requested file action aborted, exceeded file storage allocation", ""},
	{"Twisted", "twisted/twisted/src/twisted/protocols/ftp.py", ">STOR a|*553 Requested action not taken, file name not allowed", ""},
	{"Twisted", "twisted/twisted/src/twisted/protocols/ftp.py", ">RETR a|*450 Requested action aborted. File unavailable.", ""},
	{"uftpd", "troglobit/uftpd/src/ftpcmd.c", ">RETR a|125 Data connection already open; transfer starting.|*426 TCP connection was established but then broken!", ""},
	{"uftpd after REST", "troglobit/uftpd/src/ftpcmd.c", ">RETR a|*551 Failed seeking to that position in file.", ""},
	{"ftp-cloudfs", "cloudfs/ftp-cloudfs#63", ">STOR a.tar|125 Data connection already open. Transfer starting.|*421 Data connection error ([Errno 5] Request Timeout: Request Timeout)", ""},
	{"pyftpdlib by its words", "hzht/monkey-cat-chat#1", ">RETR a|*421 Control connection timed out.", ""},
	{"glftpd: 553- is no refusal, since 150 ends it", "veeso/suppaftp#168", ">STOR x|553-|553- Directory excluded (precheck).|150 Opening BINARY mode data connection for x using SSL/TLS.|*226 Transfer complete.", ""},

	// one reply too many, and in another order
	{"pyftpdlib replies 426 after the end", "giampaolo/pyftpdlib#192", ">STOR fertig.txt|150 File status okay. About to open data connection.|*226 Transfer complete.|426 No such file or directory; transfer aborted.", ""},
	{"nodeftpd replies 426 after the end, behind PASV", "mscdex/node-ftp#155", ">STOR a.pdf|150 Ok to send data|*226 Closing data connection|>PASV|426 Connection closed; transfer aborted", "PASV"},
	{"ProFTPD replies twice to NLST", "proftpd/proftpd#2339", ">NLST|150 Opening ASCII mode data connection for file list|*226 Transfer complete|226 Transfer complete", ""},
	{"a surplus 250", "patrickjuchli/basic-ftp#157", ">CWD project|200 OK|>CWD usermedia|250 Directory successfully changed.|>PASV|250 Directory successfully changed.|227 Entering Passive Mode (92,53,68,202,39,116)", ""},
	{"a late reply to TYPE", "robinrodricks/FluentFTP#86", ">PASV|200 TYPE is now 8-bit binary", "PASV"},
	{"Pure-FTPd replies in between", "measured", ">RETR a|150 Accepted data connection|>NOOP|500 Unknown command|*226 File successfully transferred", ""},
	{"pyftpdlib replies 221 first", "measured", ">RETR a|150 File status okay. About to open data connection.|>QUIT|221 Goodbye.|*226 Transfer complete.", ""},
	{"pyftpdlib drops a RETR when PASV comes", "measured", ">RETR a|150 File status okay. About to open data connection.|>PASV|227 Entering passive mode (127,0,0,1,4,51).", ""},
	{"pyftpdlib, to no command", "measured", "421 Passive data channel timed out.", ""},

	// ABOR
	{"pyftpdlib", "measured", ">RETR a|150 File status okay. About to open data connection.|>ABOR|*426 Transfer aborted via ABOR.|226 ABOR command successful.", ""},
	{"Pure-FTPd", "measured", ">RETR a|150 Accepted data connection|>ABOR|*426 Transfer aborted|226 Since you see this ABOR must've succeeded", ""},
	{"Pure-FTPd, upload", "measured", ">STOR a|150 Accepted data connection|>ABOR|*426 Transfer aborted|451 Error during read from data connection", ""},
	{"ProFTPD", "measured", ">RETR a|150 Opening BINARY mode data connection for a|>ABOR|*426 Transfer aborted. Data connection closed|226 Abort successful", ""},
	{"vsftpd", "measured", ">RETR a|150 Opening BINARY mode data connection for a (1 bytes).|>ABOR|*426 Failure writing network stream.|225 No transfer to ABOR.", ""},
	{"vsftpd, after the end", "measured", ">RETR a|150 Opening BINARY mode data connection for a (1 bytes).|>ABOR|*226 Transfer complete.|225 No transfer to ABOR.", ""},
	{"inetutils-ftpd, not urgent", "measured", ">RETR a|150 Opening BINARY mode data connection for 'a' (1 bytes).|>ABOR|*226 Transfer complete.|225 ABOR command successful.", ""},
	{"aioftp does not reply", "aio-libs/aioftp#205", ">RETR a|150 data transfer started|>ABOR|>PASV|227 listen socket already exists (127,0,0,1,4,51)", ""},
	{"IIS, idle", "liximomo/vscode-sftp#354", ">ABOR|226 ABOR command successful.", ""},
	{"Pure-FTPd, idle", "liximomo/vscode-sftp#812", ">ABOR|226 Since you see this ABOR must've succeeded", ""},
	{"Twisted or ProFTPD, idle", "lukasz-wronski/vscode-ftp-sync#136", ">ABOR|226 Abort successful", ""},
	{"aioftp, idle", "aio-libs/aioftp/src/aioftp/server.py", ">ABOR|226 nothing to abort", ""},
	{"pyftpdlib, idle", "axpdev-lab/aeroftp#655", ">ABOR|225 No transfer to abort.", ""},
	{"vsftpd, idle, then time out", "liximomo/vscode-sftp#781", ">ABOR|225 No transfer to ABOR.|421 Timeout.|421 Timeout.", ""},
}

func TestPendingFindsFinalReplyOfTransfer(t *testing.T) {
	for _, c := range transferDialogues {
		var r replyReader
		p := outstanding()
		for _, line := range strings.Split(c.lines, "|") {
			if command, ok := strings.CutPrefix(line, ">"); ok {
				p.add((*outstanding(parseCommand([]byte(command)).verb))[0])
				continue
			}
			line, ends := strings.CutPrefix(line, "*")
			assert.Equal(t, ends, endsTransferReply(p, &r, line), "%s (%s): whether %q ends the transfer", c.product, c.source, line)
		}
		assert.Equal(t, kinds(*outstanding(strings.Fields(c.left)...)), kinds(*p), "%s (%s): what is outstanding", c.product, c.source)
	}
}

// endsTransferReply takes a line of the server's, and reports whether it ends a
// transfer.
func endsTransferReply(p *pending, r *replyReader, line string) bool {
	reply := r.next([]byte(line))
	switch refuses := reply.negative() && p.transferNext(); {
	case reply.first && refuses && !reply.last, !reply.first && !(refuses && reply.last):
		return false // the last line of such a refusal decides
	case reply.preliminary():
		announceTransfer(p)
		return false
	}
	if _, ok := findAnnouncement(reply.code, line[reply.text:]); ok && p.awaits(verbPassive) {
		p.matchAddress()
		return false
	}
	answered, _ := p.match(reply.code)
	if answered == nil || answered.transfer == nil {
		return false
	}
	p.forgetRefused() // as the answer to a transfer does
	return true
}

// announceTransfer takes a 1yz reply.
func announceTransfer(p *pending) {
	if t := p.begin(); t != nil && !t.begun() {
		t.enter(begun)
	}
}

func kinds(p pending) []verbKind {
	kinds := []verbKind{}
	for _, r := range p {
		kinds = append(kinds, r.kind)
	}
	return kinds
}
