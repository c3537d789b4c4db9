package ftptest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A command is a command line, split.
type command struct {
	verb     string // in upper case
	argument string
}

// parse splits a command line. It skips Telnet commands before an ABOR: the bytes
// from 240 up.
func parse(line string) command {
	for len(line) > 0 && line[0] >= 240 {
		line = line[1:]
	}
	verb, argument, _ := strings.Cut(line, " ")
	return command{strings.ToUpper(verb), argument}
}

// reply answers the command being carried out in one line.
func (s *session) reply(code int, format string, args ...any) {
	s.answer(s.command, code, fmt.Sprintf(format, args...))
}

// answer answers c in one line, or as the dialect says. The goroutine of a transfer
// calls it too.
func (s *session) answer(c command, code int, text string, values ...string) {
	if other, ok := s.dialect.reply(c.verb, code); ok {
		s.send(s.fill(other, c, append(values, "{text}", text)...))
		return
	}
	s.send(strconv.Itoa(code) + " " + text)
}

// replyLines answers the command being carried out in several lines. The inner
// lines begin with a blank, so that none looks like the last (RFC 959, 4.2).
func (s *session) replyLines(code int, first string, inner []string, last string) {
	if _, ok := s.dialect.reply(s.command.verb, code); ok {
		s.reply(code, "%s", first)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%s\n", code, first)
	for _, line := range inner {
		fmt.Fprintf(&b, " %s\n", line)
	}
	fmt.Fprintf(&b, "%d %s", code, last)
	s.send(b.String())
}

// send sends lines, which are separated by line feeds.
func (s *session) send(lines string) {
	_, _ = s.conn.Write([]byte(strings.ReplaceAll(lines, "\n", "\r\n") + "\r\n"))
}

// fill replaces placeholders in a text of the dialect: those of values, which are
// pairs, and those that every reply may have.
func (s *session) fill(text string, c command, values ...string) string {
	values = append(values, "{verb}", c.verb, "{name}", c.argument, "{user}", s.user, "{dir}", s.dir)
	return strings.NewReplacer(values...).Replace(text)
}

// places returns the placeholders for a listener at a, with their values.
func places(a netip.AddrPort) []string {
	t := tuple(a)
	n := strings.Split(t, ",")
	text := a.Addr().String()
	return []string{
		"{tuple}", t, "{long}", long(a), "{port}", strconv.Itoa(int(a.Port())),
		"{h1}", n[0], "{h2}", n[1], "{h3}", n[2], "{h4}", n[3], "{p1}", n[4], "{p2}", n[5],
		"{address}", text, "{group}", text[strings.LastIndex(text, ":")+1:],
	}
}
