package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// A lobby is where a session begins that does not know its server yet: we greet
// the client, and its login names the server, as user@host or user@host:port.
// The server's own greeting is then swallowed, and what follows is forwarded as
// ever.
type lobby struct {
	user  string // for the server
	named string // how the client named the server
}

var (
	errNoGreeting = errors.New("the FTP server does not greet")
	errNoLogin    = errors.New("nobody has logged in")
)

// connected is the event that the server's control connection is there, or why
// it is not.
type connected struct {
	route Route
	err   error
}

// connect dials the server. The client's commands wait.
func (s *session) connect(ctx context.Context) {
	s.connecting = true
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, s.f.dialTimeout())
		defer cancel()
		route, err := s.f.connect(ctx, s.target.address)
		if !s.post(connected{route, err}) && route.Conn != nil {
			_ = route.Conn.Close()
		}
	})
}

func (s *session) connected(e connected) {
	switch {
	case s.leaving || s.over:
		if e.route.Conn != nil {
			_ = e.route.Conn.Close()
		}
	case e.err != nil:
		s.tell(Event{Kind: Warned, Warning: ServerUnreachable, Text: "no connection to the FTP server", Err: e.err})
		s.giveUp(e.err)
	default:
		s.remote, s.gateway = e.route.Network, e.route.Gateway
		s.target.known = s.known.of(reached{s.target.address, e.route.Network})
		s.server.start(s, e.route.Conn)
		if s.connecting = s.lobby != nil; s.connecting {
			s.alarms.in("greeting", s.f.dialTimeout(), func() { s.giveUp(errNoGreeting) })
		}
	}
}

// receive greets a client whose server is not known yet.
func (s *session) receive() {
	s.lobby = &lobby{}
	s.reply("220 Log in as user@ftp-host or user@ftp-host:port")
}

// lobbyCommand answers a command before the server is known.
func (s *session) lobbyCommand(ctx context.Context, p piece) {
	c := parseCommand(p.bytes)
	s.discarding = !p.whole
	s.tell(Event{Kind: LinePassed, Line: Line{From: Client, To: Tunnel, Received: c.redact(), Sent: c.redact()}})
	switch {
	case c.kind() == verbUser:
		s.enter(ctx, c.argument)
	case c.verb == "QUIT":
		s.reply("221 Goodbye")
		s.client.shut = true
	case c.kind() == verbSecurity:
		s.reply(refusedSecurity(c))
	case c.verb == "NOOP":
		s.reply("200 Log in as user@ftp-host")
	case c.verb != "":
		s.reply("530 Log in first, as user@ftp-host or user@ftp-host:port")
	}
}

// enter connects to the server that a login names.
func (s *session) enter(ctx context.Context, login string) {
	user, address, err := parseLogin(login)
	if err == nil {
		err = s.f.Targets.check(address)
	}
	if err != nil {
		s.tell(Event{Kind: Warned, Warning: TargetRejected, Text: "a login names no server that may be used", Err: err})
		s.reply("530 " + err.Error())
		return
	}
	_, s.lobby.named, _ = cutLast(login)
	s.lobby.user = user
	s.target = newTarget(address)
	s.connect(ctx)
}

// introduce swallows the greeting of a server that the client has named, and
// logs in there. If it does not welcome anybody the client hears that.
func (s *session) introduce(line []byte, l replyLine) []byte {
	switch {
	case l.preliminary(), l.positive() && !l.last:
		return nil
	case !l.positive():
		s.introduced()
		return line
	}
	s.introduced()
	user := command{verb: "USER", argument: s.lobby.user}
	s.pass(user, []byte(user.redact()+"\r\n"), slot{kind: verbUser})
	return nil
}

// introduced lets the client's commands go to the server, which has greeted.
func (s *session) introduced() {
	s.connecting, s.greeted = false, true
	s.alarms.cancel("greeting")
}

// loginLine returns the line that takes a USER to the server: without the server's
// name, if the client has chosen it so.
func (s *session) loginLine(c command, line []byte) []byte {
	user, named, ok := cutLast(c.argument)
	if s.lobby == nil || !ok || named != s.lobby.named {
		return line
	}
	return []byte(c.verb + " " + user + "\r\n")
}

// checkLobby ends a session whose client leaves before there is a server.
func (s *session) checkLobby() {
	if s.client.ended || (s.client.shut && s.client.idle()) {
		s.over = true
	}
	switch {
	case s.server.ended:
		s.giveUp(errNoGreeting)
	case s.stopping && !s.connecting:
		s.giveUp(errStopping)
	}
}

// parseLogin splits user@host[:port]. The user's name may have an @ of its own.
func parseLogin(login string) (user, address string, err error) {
	user, named, ok := cutLast(login)
	host, port, plain := strings.Trim(named, "[]"), "21", !strings.HasSuffix(named, "]")
	if strings.Contains(named, ":") && plain {
		host, port, err = net.SplitHostPort(named)
	}
	if !ok || user == "" || err != nil || !hostName(host) || !portNumber(port) {
		return "", "", fmt.Errorf("log in as user@ftp-host or user@ftp-host:port, not as %q", login)
	}
	return user, net.JoinHostPort(host, port), nil
}

// cutLast cuts at the last @.
func cutLast(login string) (before, after string, ok bool) {
	i := strings.LastIndexByte(login, '@')
	if i < 0 {
		return login, "", false
	}
	return login[:i], login[i+1:], true
}
