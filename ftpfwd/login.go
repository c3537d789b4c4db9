package ftpfwd

import (
	"context"
	"strings"
)

// A LoginError reports that the FTP server has refused a login.
type LoginError struct {
	User  string // the argument of USER
	Code  int    // of the reply
	Reply string // its first line
}

func (e *LoginError) Error() string { return "user " + e.User + ": " + e.Reply }

// loginReply returns what deals with the reply to USER or PASS: it passes, and a
// refusal is reported. The reply may quote the password, which the report does not
// have.
func (s *session) loginReply(password string) answer {
	user := s.source.user
	return func(_ context.Context, line []byte, l replyLine) disposition {
		if refusesLogin(l.code) {
			reply := excerpt(line)
			if password != "" {
				reply = strings.ReplaceAll(reply, password, "****")
			}
			s.source.emit(Event{
				Kind: Warned, Warning: LoginRefused, User: oneLine(user), Text: "the FTP server refused a login",
				Err: &LoginError{User: oneLine(user), Code: l.code, Reply: reply},
			})
		}
		return relay(line)
	}
}

// refusesLogin reports whether code says that a login failed, rather than that the
// command was wrong or came too early (500 to 504).
func refusesLogin(code int) bool { return code == 430 || code/100 == 5 && code > 504 }
