package ftpfwd

import "context"

// A LoginError reports that the FTP server has refused a login.
type LoginError struct {
	User  string // the argument of USER
	Code  int    // of the reply
	Reply string // its first line
}

func (e *LoginError) Error() string { return "user " + e.User + ": " + e.Reply }

// loginReply returns what deals with the reply to a USER, PASS or ACCT: it passes.
// A refusal is reported, and any 2yz to PASS or ACCT is a login (RFC 959, 6).
func (s *session) loginReply(kind verbKind) answer {
	user := oneLine(shownUser(s.source.user))
	return func(_ context.Context, line []byte, l replyLine) disposition {
		switch {
		case refusesLogin(l.code):
			s.source.emit(Event{
				Kind: Warned, Warning: LoginRefused, User: user, Text: "the FTP server refused a login",
				Err: &LoginError{User: user, Code: l.code, Reply: s.source.secrets.line(Server, excerpt(line))},
			})
		case l.positive() && kind == verbPassword:
			s.source.acceptLogin()
		}
		return relay(line)
	}
}

// refusesLogin reports whether code says that a login failed, rather than that the
// command was wrong or came too early (500 to 504).
func refusesLogin(code int) bool { return code == 430 || code/100 == 5 && code > 504 }
