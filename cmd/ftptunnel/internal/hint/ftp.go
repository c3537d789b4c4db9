package hint

import (
	"slices"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/ftpfwd"
)

// forGreeting is about what answers at the FTP server's address.
func (a Adviser) forGreeting(e *greeting.Error) []string {
	switch {
	case e.Busy():
		return []string{"the FTP server is busy: try again later, end other sessions, or raise its limit of clients"}
	case e.Rejects():
		return []string{"let the FTP server accept clients from the gateway's address, and look in its log"}
	}
	other := "-L port:ftp-host:ftp-port"
	if !a.Typed.Has("listen") {
		args := append(slices.Clone(a.Typed.Args[:min(1, len(a.Typed.Args))]), "ftp-host:port")
		other = a.Typed.With(args...).String()
	}
	return []string{"check that " + e.Server + " is the FTP server's address, as the gateway sees it, or name another: " + other}
}

// A session that is younger than idleAtLeast was not ended by an idle timeout; one
// that is older than servedAtLeast was accepted.
const (
	idleAtLeast   = time.Second
	servedAtLeast = 20 * time.Second
)

// forHangUp is about a server that has closed a control connection.
func forHangUp(e *ftpfwd.HangUpError) (lines []string) {
	if e.After < servedAtLeast {
		lines = append(lines, "look in the FTP server's log: it may not accept the gateway's address, or have too many clients")
	}
	if e.After >= idleAtLeast {
		lines = append(lines, "look for an idle timeout: the FTP server's own, or ChannelTimeout in the gateway's sshd_config")
	}
	return lines
}

// FTPName is about an FTP server whose name the gateway cannot resolve.
func FTPName(host string) []string {
	return []string{"check the FTP server's name; on the gateway, try: ping " + host}
}

// FTPReply is about a negative reply of the FTP server. It returns otherwise
// unless the reply is one that demands TLS.
func FTPReply(code int, text string, otherwise ...string) []string {
	if !ftpfwd.RequiresTLS(code, text) {
		return otherwise
	}
	return []string{"the FTP server requires TLS, which ftptunnel does not support: configure it to accept plain FTP from the gateway; the tunnel encrypts"}
}

// forLogin is about a login that the FTP server has refused. Clients that are given
// no user log in as anonymous.
func forLogin(e *ftpfwd.LoginError) []string {
	if e.User == "anonymous" || e.User == "ftp" {
		return FTPReply(e.Code, e.Reply, "give the client the user and the password: curl -u user:password, wget --user=user --password=password, lftp open -u user,password")
	}
	return FTPReply(e.Code, e.Reply, FTPLogin)
}

// Orders about the login of an FTP user.
const (
	FTPUser     = "check --user: it takes a user of the FTP server, not of the gateway"
	FTPLogin    = "check the name and the password of the FTP server's user, which need not be the gateway's"
	FTPPassword = "set the environment variable FTP_PASSWORD, give --password-file, or run this at a terminal"
)
