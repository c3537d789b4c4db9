package ftpfwd

import (
	"net"
	"time"
)

// A source emits the events of one session, and holds what each of them names.
type source struct {
	observe  func(Event) // may be nil
	session  int64
	client   string
	listener string
	server   string // empty until the client has named it
	gateway  string // empty until the server is connected
	user     string // the argument of the last USER
	loggedIn bool   // the server accepted it
	secrets  secrets
}

func newSource(f *Forwarder, session int64, conn net.Conn) source {
	return source{
		observe: f.Observe, session: session,
		client: conn.RemoteAddr().String(), listener: conn.LocalAddr().String(), server: f.Server,
	}
}

// emit sends an event to the observer.
func (s *source) emit(e Event) {
	if s.observe == nil {
		return
	}
	e.Time, e.Session, e.Client, e.Listener, e.Server, e.Gateway = time.Now(), s.session, s.client, s.listener, s.server, s.gateway
	if s.loggedIn {
		e.User = s.user
	}
	s.observe(s.secrets.event(e))
}

// warn reports something that may need attention.
func (s *source) warn(w Warning, text string, err error) {
	s.emit(Event{Kind: Warned, Warning: w, Text: text, Err: err})
}

// line reports a line of the control connection.
func (s *source) line(from, to Side, received, sent string) {
	s.emit(Event{Kind: LinePassed, Line: Line{From: from, To: to, Received: received, Sent: sent}})
}

// acceptLogin notes that the server has accepted the client's login.
func (s *source) acceptLogin() {
	if !s.loggedIn {
		s.loggedIn = true
		s.emit(Event{Kind: LoggedIn})
	}
}
