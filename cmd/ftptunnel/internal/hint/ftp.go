package hint

import "example.org/ftptunnel/ftpfwd"

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

// Orders about the login of an FTP user.
const (
	FTPUser     = "check --user: it takes a user of the FTP server, not of the gateway"
	FTPLogin    = "check the name and the password of the FTP server's user, which need not be the gateway's"
	FTPPassword = "set the environment variable FTP_PASSWORD, or run this at a terminal"
)
