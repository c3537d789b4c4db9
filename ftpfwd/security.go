package ftpfwd

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// refusedSecurity returns the reply to a command that asks for encryption (RFC
// 2228, 5.1: 534, denied for policy reasons). Clients set to "TLS if available"
// continue in clear, inside the tunnel.
func refusedSecurity(c command) string {
	return "534 " + c.verb + " refused: the tunnel encrypts this connection, and must read it; use plain FTP"
}

// clientBeginsTLS reports whether the client sends TLS before the server has
// greeted (implicit FTPS).
func (s *session) clientBeginsTLS() bool {
	return s.phase != passthrough && s.server.received == 0 && (s.server.conn != nil || s.routing != nil) &&
		beginsTLS(s.client.lines.buf)
}

// clientSpeaksTLS lets the server answer such a client, unless the login names the
// server.
func (s *session) clientSpeaksTLS() {
	if s.routing != nil {
		s.refuseProtocol("the client speaks TLS at once (implicit FTPS)",
			errors.New("this port takes plain FTP, which the tunnel encrypts: turn TLS off in the client"))
		return
	}
	s.passThrough("the client speaks TLS at once (implicit FTPS)")
}

// httpLine is the first line of an HTTP request (RFC 9112, 3), or its beginning.
var httpLine = regexp.MustCompile(`^([A-Za-z]+ \S+ HTTP/\d|(?i:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) )`)

var errHTTP = errors.New("this is an FTP port, and the client speaks HTTP")

// clientSpeaksHTTP ends the session of a client whose first line is HTTP, and
// reports whether it is: a web page can have a browser post FTP commands to this
// port, and a server would take those for a client's.
func (s *session) clientSpeaksHTTP(line []byte) bool {
	first := !s.client.spoken
	s.client.spoken = true
	if !first || !httpLine.Match(line) {
		return false
	}
	s.client.lines = lineReader{}
	s.source.warn(NotFTP, "a client was rejected", errHTTP)
	s.giveUp(errHTTP)
	return true
}

// checkSpeaksFTP looks at the first bytes from the server.
func (s *session) checkSpeaksFTP(b []byte) {
	what := notFTP(b)
	switch {
	case what == "" || s.phase == passthrough || s.ended():
	case s.routing != nil:
		s.refuseProtocol(what, errors.New(what))
	default:
		s.passThrough(what)
	}
}

// passThrough stops reading what passes: it is not FTP in clear.
func (s *session) passThrough(why string) {
	s.enter(passthrough)
	s.source.warn(NotFTP, "bytes pass unread, and data connections do not work", errors.New(why))
}

// refuseProtocol ends a session whose login would name the server: one side does
// not speak FTP in clear. reply is the reason for the client.
func (s *session) refuseProtocol(why string, reply error) {
	s.source.warn(NotFTP, "a session was closed: it is not plain FTP", errors.New(why))
	s.giveUp(reply)
}

// notFTP describes a server that begins with b, if that is not FTP.
func notFTP(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("SSH-")), bytes.HasPrefix(b, []byte("HTTP/")):
	case b[0] >= ' ' && b[0] <= '~', b[0] == telnetIAC, b[0] == '\r', b[0] == '\n', b[0] == '\t':
		return ""
	}
	return fmt.Sprintf("this is not an FTP server: it begins with %q", b[:min(len(b), 40)])
}

// beginsTLS reports whether b begins like a TLS handshake record.
func beginsTLS(b []byte) bool { return len(b) >= 2 && b[0] == 0x16 && b[1] == 0x03 }

// tlsWords are those with which servers refuse plain FTP.
var tlsWords = regexp.MustCompile(`(?i)\b(TLS|SSL|AUTH|PROT|encrypt\w*|unencrypted|cleartext|secure connections?)\b`)

// RequiresTLS reports whether a server's reply refuses to work without TLS, as
// far as its words show.
func RequiresTLS(code int, text string) bool { return requiresTLS(code, text, "") }

// requiresTLS is RequiresTLS, but words that the server repeats, such as the
// name of a file, do not count.
func requiresTLS(code int, text, repeated string) bool {
	if repeated != "" {
		text = strings.ReplaceAll(text, repeated, "")
	}
	switch code {
	case 421, 431, 503, 504, 521, 522, 530, 533, 534, 550:
		return tlsWords.MatchString(text)
	}
	return false
}

// warnTLSRequired reports once for each server that it works with TLS only.
func (s *session) warnTLSRequired(line []byte, l replyLine, repeated string) {
	if requiresTLS(l.code, string(line[l.text:]), repeated) && s.methods.first("TLS") {
		s.source.warn(TLSRequired, "the FTP server requires TLS: it must allow plain FTP from the gateway", fmt.Errorf("it replied %q", excerpt(line)))
	}
}
