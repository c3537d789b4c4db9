package ftptest

import (
	"fmt"
	"net/netip"
	"strings"
)

// A Dialect is what an FTP server says where products differ. Replies are whole
// lines with their code; where one is empty, the server says its own.
type Dialect struct {
	Greeting    []string // 220
	AskPassword string   // 331
	Welcome     []string // 230
	System      string   // 215
	Features    []string // what FEAT lists; if nil, what the server has

	Passive         string     // text of the 227, with %s for the six numbers
	ExtendedPassive string     // text of the 229, with %d for the port
	Named           netip.Addr // the address in the 227, if not the server's own
	Port            string     // 200, to PORT and EPRT

	Begun string // 125 or 150
	Done  string // 226 or 250

	// Refuses are commands with the reply that refuses each.
	Refuses map[string]string

	DOSListing bool // LIST as MS-DOS does it
	Block      bool // MODE B is offered
}

// refuses replies to a command that the dialect refuses, and reports whether it
// is one.
func (s *session) refuses(verb string) bool {
	reply, refused := s.server.Dialect.Refuses[verb]
	if refused {
		s.sayLines([]string{reply}, "")
	}
	return refused
}

// say says the dialect's line if there is one, and its own reply otherwise.
func (s *session) say(line string, code int, format string, args ...any) {
	if line == "" {
		line = fmt.Sprintf("%d %s", code, fmt.Sprintf(format, args...))
	}
	s.sayLines(nil, line)
}

// sayLines says the dialect's lines if there are any, and its own otherwise.
func (s *session) sayLines(lines []string, own string) {
	if lines == nil {
		lines = []string{own}
	}
	_, _ = s.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n"))
}

func (s *session) features() []string {
	if s.server.Dialect.Features != nil {
		return s.server.Dialect.Features
	}
	return features
}

func (s *session) setMode(mode string) {
	if mode != "S" && (mode != "B" || !s.server.Dialect.Block) {
		s.reply(504, "MODE %s is not offered here", mode)
		return
	}
	s.block = mode == "B"
	s.reply(200, "MODE is %s now", mode)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
