package ftptest

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"sync"
)

// A session is one control connection. The goroutine in run owns its state; another
// reads lines, and a third moves the data of a transfer.
type session struct {
	server    *Server
	dialect   *Dialect
	conn      net.Conn
	own, peer netip.AddrPort // the two ends of the control connection
	command   command        // the one being carried out
	waiting   []string       // commands that came during the transfer
	transfer  *transfer      // the one in progress; nil if none is
	data      *opening       // what the last PASV, EPSV, PORT or EPRT prepared
	kept      net.Conn       // the data connection that block mode left open
	mode      mode
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
		server: server, dialect: &server.Dialect, conn: conn, dir: "/", mode: stream,
		own:  addressOf(conn.LocalAddr()),
		peer: addressOf(conn.RemoteAddr()),
	}
}

func addressOf(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// run serves the session until one side ends it, and returns when its goroutines
// have ended.
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer s.finishing.Wait()
	defer s.conn.Close()
	defer s.dropData()
	defer cancel()

	lines := make(chan string)
	s.finishing.Go(func() { s.read(ctx, lines) })
	s.greet()
	for !s.over {
		select {
		case line, ok := <-lines:
			if ok {
				s.received(ctx, line)
			} else {
				s.over = true
			}
		case <-s.transfer.ended():
			s.endTransfer()
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

func (s *session) greet() {
	if text := s.dialect.Greeting; text != "" {
		s.send(text)
		return
	}
	s.reply(220, "ftptest is ready")
}

// read passes on the client's lines until the connection ends or ctx is done.
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

// received carries out a line. During a transfer, other commands than ABOR and STAT
// (RFC 959, 4.1.3) wait for the end of it.
func (s *session) received(ctx context.Context, line string) {
	verb := parse(line).verb
	s.observe(line)
	switch {
	case s.transfer == nil, verb == "ABOR", verb == "STAT":
		s.carryOut(ctx, line)
	case s.dialect.Busy != "" && verb != "QUIT":
		s.send(s.fill(s.dialect.Busy, parse(line)))
	case len(s.waiting) < maxWaiting:
		s.waiting = append(s.waiting, line)
	default:
		s.reply(421, "Too many commands at once")
		s.over = true
	}
}

// catchUp carries out the commands that have waited for the end of the transfer.
func (s *session) catchUp(ctx context.Context) {
	for s.transfer == nil && len(s.waiting) > 0 && !s.over {
		line := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.carryOut(ctx, line)
	}
}

func (s *session) observe(line string) {
	if s.server.Received == nil {
		return
	}
	if parse(line).verb == "PASS" {
		line = "PASS ****"
	}
	s.server.Received(line)
}
