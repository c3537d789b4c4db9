package ftptest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// A session is one control connection. The goroutine in run owns its state; one
// more reads lines, and one carries the transfer, if there is one.
type session struct {
	server    *Server
	conn      net.Conn
	own, peer netip.Addr // the two ends of the control connection
	waiting   []string   // commands that came during the transfer, but ABOR and STAT
	transfer  *transfer  // the one that runs
	data      *opening   // what the last PASV, EPSV, PORT or EPRT prepared
	block     bool       // MODE B
	kept      net.Conn   // a data connection that goes on with the next file
	user      string
	loggedIn  bool
	dir       string // absolute, with slashes
	restart   int64  // of REST, for the next command
	renaming  string // of RNFR, for the next command
	onlyEPSV  bool   // after EPSV ALL (RFC 2428, 4)
	over      bool
	finishing sync.WaitGroup
}

// maxWaiting bounds the commands that wait for the end of a transfer.
const maxWaiting = 100

func newSession(server *Server, conn net.Conn) *session {
	return &session{
		server: server, conn: conn, dir: "/",
		own:  addressOf(conn.LocalAddr()).Addr(),
		peer: addressOf(conn.RemoteAddr()).Addr(),
	}
}

func addressOf(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// run serves the session until a side ends it, and returns when its goroutines
// have ended.
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer s.finishing.Wait()
	defer s.conn.Close()
	defer s.dropOpening()
	defer cancel()

	lines := make(chan string)
	s.finishing.Go(func() { s.read(ctx, lines) })
	s.sayLines(s.server.Dialect.Greeting, "220 ftptest is ready")
	for !s.over {
		select {
		case line, ok := <-lines:
			if ok {
				s.received(ctx, line)
			} else {
				s.over = true
			}
		case <-s.transfer.ended():
			s.transfer = nil
		case <-ctx.Done():
			s.over = true
		}
		s.catchUp(ctx)
	}
	s.abort()
	if ctx.Err() != nil {
		s.reply(421, "The server is shutting down")
	}
}

// read sends the client's lines until it ends the connection or ctx is done.
func (s *session) read(ctx context.Context, lines chan<- string) {
	defer close(lines)
	scanner := bufio.NewScanner(s.conn)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text(): // ends at LF or CR LF
		case <-ctx.Done():
			return
		}
	}
}

// received deals with a line. During a transfer only ABOR and STAT are (RFC
// 959, 4.1.3); what else arrives waits for its end.
func (s *session) received(ctx context.Context, line string) {
	verb, _ := parse(line)
	s.tellHeard(line)
	switch {
	case s.transfer == nil, verb == "ABOR", verb == "STAT":
		s.command(ctx, line)
	case len(s.waiting) < maxWaiting:
		s.waiting = append(s.waiting, line)
	default:
		s.reply(421, "Too many commands at once")
		s.over = true
	}
}

// catchUp deals with the commands that waited for the end of the transfer.
func (s *session) catchUp(ctx context.Context) {
	for s.transfer == nil && len(s.waiting) > 0 && !s.over {
		line := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.command(ctx, line)
	}
}

func (s *session) tellHeard(line string) {
	if s.server.Heard == nil {
		return
	}
	if verb, _ := parse(line); verb == "PASS" {
		line = "PASS ****"
	}
	s.server.Heard(line)
}

// parse splits a command line. What Telnet puts in front of an ABOR is left
// out: IAC and its commands are the bytes from 240 up.
func parse(line string) (verb, argument string) {
	for len(line) > 0 && line[0] >= 240 {
		line = line[1:]
	}
	verb, argument, _ = strings.Cut(line, " ")
	return strings.ToUpper(verb), argument
}

// reply sends a reply of one line. The goroutine of a transfer calls it too.
func (s *session) reply(code int, format string, args ...any) {
	_, _ = fmt.Fprintf(s.conn, "%d %s\r\n", code, fmt.Sprintf(format, args...))
}

// replyLines sends a reply of several lines: each of the inner ones begins with
// a blank, so that none looks like the last (RFC 959, 4.2).
func (s *session) replyLines(code int, first string, inner []string, last string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%s\r\n", code, first)
	for _, line := range inner {
		fmt.Fprintf(&b, " %s\r\n", line)
	}
	fmt.Fprintf(&b, "%d %s\r\n", code, last)
	_, _ = s.conn.Write([]byte(b.String()))
}
