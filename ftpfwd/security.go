package ftpfwd

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// refusedSecurity is the reply to a command that asks for encryption (RFC 2228,
// 5.1: 534, denied for policy reasons). Clients set to "TLS if available" go on
// in clear, inside the tunnel.
func refusedSecurity(c command) string {
	return "534 " + c.verb + " refused: the tunnel encrypts this connection already, and must read along"
}

// startsTLS deals with a client that begins with TLS: where there is a server,
// it may answer.
func (s *session) startsTLS() {
	if s.server.conn == nil {
		s.giveUp(errors.New("this port speaks FTP in clear: the tunnel encrypts it"))
		return
	}
	s.passRaw("the client speaks TLS at once (implicit FTPS)")
}

// beginsTLS reports whether b begins like a TLS handshake record.
func beginsTLS(b []byte) bool { return len(b) >= 2 && b[0] == 0x16 && b[1] == 0x03 }

var insistence = regexp.MustCompile(`(?i)\b(TLS|SSL|AUTH|PROT|encrypt\w*|unencrypted|cleartext|secure connections?)\b`)

// InsistsOnTLS reports whether a server's reply refuses to go on without an
// encryption of its own, as far as its words tell.
func InsistsOnTLS(code int, text string) bool { return insistsOnTLS(code, text, "") }

// insistsOnTLS is InsistsOnTLS, but words that the server repeats, such as the
// name of a file, do not count.
func insistsOnTLS(code int, text, repeated string) bool {
	if repeated != "" {
		text = strings.ReplaceAll(text, repeated, "")
	}
	switch code {
	case 421, 431, 503, 504, 521, 522, 530, 533, 534, 550:
		return insistence.MatchString(text)
	}
	return false
}

// tellInsistence says once what a server wants that cannot be had here.
func (s *session) tellInsistence(line []byte, l replyLine, answered slot) {
	if insistsOnTLS(l.code, string(line[l.text:]), answered.argument) && s.target.known.first("TLS") {
		said := strings.TrimSpace(string(line[:min(len(line), 200)]))
		s.tell(Event{Kind: Warned, Warning: TLSRequired, Err: fmt.Errorf("it says: %s", oneLine(said)), Text: "the FTP server insists on TLS, " +
			"which would hide the ports of its data connections from the tunnel: it must allow plain FTP from the gateway"})
	}
}
