package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Login routing: the client's login names its FTP server, as user@host or
// user@host:port. The session starts without a server and greets the client
// itself. When the login has come, it connects to the server, drops its
// greeting, sends the USER, and forwards from then on.

// A loginRouting is how the client has named its server.
type loginRouting struct {
	user  string // for the server
	named string // the part behind the @
}

var (
	errNoGreeting = errors.New("the FTP server does not greet")
	errNoLogin    = errors.New("no login within the time limit")
)

// awaitLogin greets a client whose server is not known yet.
func (s *session) awaitLogin() {
	s.routing = &loginRouting{}
	s.sendReply("220 Log in as user@ftp-host or user@ftp-host:port")
}

// routingCommand answers a command before the server is known.
func (s *session) routingCommand(ctx context.Context, c command) {
	s.source.line(Client, Tunnel, c.redact(), "")
	switch {
	case c.kind() == verbUser:
		s.route(ctx, c.argument)
	case c.verb == "QUIT":
		s.sendReply("221 Goodbye")
		s.client.shutdown()
	case c.kind() == verbSecurity:
		s.sendReply(refusedSecurity(c))
	case c.verb == "NOOP":
		s.sendReply("200 Log in as user@ftp-host")
	case c.verb != "":
		s.sendReply("530 Log in first, as user@ftp-host or user@ftp-host:port")
	}
}

// route connects to the server that a login names.
func (s *session) route(ctx context.Context, login string) {
	user, address, err := parseLogin(login)
	if err == nil {
		err = s.f.Targets.check(address)
	}
	if err != nil {
		s.source.warn(TargetRejected, "a login was rejected", err)
		s.sendReply("530 " + err.Error())
		return
	}
	_, named, _ := cutLast(login)
	s.routing = &loginRouting{user: user, named: named}
	s.target, s.source.server = newTarget(address), address
	s.connect(ctx)
}

// connected is the event that the server's control connection is open, or why it
// is not.
type connected struct {
	route Route
	err   error
}

// connect dials the server. The client's commands wait.
func (s *session) connect(ctx context.Context) {
	s.enter(connecting)
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, s.f.dialTimeout())
		defer cancel()
		route, err := s.f.connect(ctx, s.target.address)
		if !s.post(connected{route, err}) && route.Conn != nil {
			_ = route.Conn.Close()
		}
	})
}

func (e connected) apply(_ context.Context, s *session) {
	switch {
	case s.ended():
		if e.route.Conn != nil {
			_ = e.route.Conn.Close()
		}
	case e.err != nil:
		s.source.warn(ServerUnreachable, "no connection to the FTP server", e.err)
		s.giveUp(e.err)
	default:
		s.enter(greeting)
		s.remote, s.source.gateway = e.route.Network, e.route.Gateway
		s.methods = s.f.methods.of(cacheKey{route: e.route.key(), server: s.target.address})
		s.server.start(s, e.route.Conn)
		if s.routing != nil {
			s.timers.start(&s.greetingBy, s.f.dialTimeout(), func() { s.noGreeting() })
		}
	}
}

// routedGreeting drops the greeting of a server that the login has named, and
// sends it the USER. A refusal is relayed to the client.
func (s *session) routedGreeting(line []byte, l replyLine) disposition {
	switch {
	case l.code == 0, l.preliminary(), l.positive() && !l.last:
		return drop()
	case !l.positive():
		s.greeted()
		return relay(line)
	}
	s.greeted()
	user := command{verb: "USER", argument: s.routing.user}
	s.source.user = user.argument
	s.pass(user, []byte(user.redact()+"\r\n"), &request{kind: verbUser, answer: s.loginReply(verbUser)})
	return drop()
}

// noGreeting ends a session whose server, which the login has named, does not
// greet.
func (s *session) noGreeting() {
	s.source.warn(ServerUnreachable, "no connection to the FTP server", errNoGreeting)
	s.giveUp(errNoGreeting)
}

// greeted lets the client's commands go to the server that it has named.
func (s *session) greeted() {
	s.enter(relaying)
	s.timers.stop(&s.greetingBy)
}

// parseLogin splits user@host[:port]. The user's name may contain an @.
func parseLogin(login string) (user, address string, err error) {
	user, named, ok := cutLast(login)
	host, service, plain := strings.Trim(named, "[]"), "21", !strings.HasSuffix(named, "]")
	if strings.Contains(named, ":") && plain {
		host, service, err = net.SplitHostPort(named)
	}
	port, noPort := portNumber(service)
	if !ok || user == "" || err != nil || !hostName(host) || noPort != nil {
		return "", "", fmt.Errorf("log in as user@ftp-host or user@ftp-host:port, not as %q", login)
	}
	return user, net.JoinHostPort(host, strconv.Itoa(int(port))), nil
}

// cutLast cuts at the last @.
func cutLast(login string) (before, after string, ok bool) {
	i := strings.LastIndexByte(login, '@')
	if i < 0 {
		return login, "", false
	}
	return login[:i], login[i+1:], true
}
