package ftpfwd

import "fmt"

// A phase is where a session is in its life:
//
//	awaitTarget ─▶ connecting ─▶ greeting ─▶ relaying ─┬─▶ leaving ─▶ closing ─▶ done
//	                                ▼           ▼      │                 ▲
//	                                └▶ passthrough ────┴─────────────────┘
//
// Every phase may be followed by closing, which sends the client a 421, and by
// done.
type phase int

const (
	awaitTarget phase = iota // the client's login is to name the server
	connecting               // the server is being dialled; commands wait
	greeting                 // the server is connected and has not greeted yet
	relaying                 // commands and replies are read and passed on
	passthrough              // one side does not speak FTP in clear: bytes pass unread
	leaving                  // the client is gone; its uploads are carried to their end, or aborted
	closing                  // the client was sent a 421, and nothing else passes
	done                     // all is over
)

func (p phase) String() string {
	return [...]string{"awaiting login", "connecting", "greeting", "relaying", "passthrough", "leaving", "closing", "done"}[p]
}

// enter moves the session to another phase.
func (s *session) enter(next phase) {
	now := s.phase
	ok := next == done && now != done || next == closing && now < closing
	switch now {
	case awaitTarget:
		ok = ok || next == connecting
	case connecting:
		ok = ok || next == greeting
	case greeting:
		ok = ok || next == relaying || next == passthrough
	case relaying:
		ok = ok || next == passthrough || next == leaving
	}
	if !ok {
		panic(impossible{"session", now, next})
	}
	s.phase = next
}

// ended reports whether the session is over, or as good as over.
func (s *session) ended() bool { return s.phase >= closing }

// impossible is what an enter method panics with on a transition that cannot
// be: the program ends the session then, and tests fail.
type impossible struct {
	what       string
	from, into fmt.Stringer
}

func (i impossible) Error() string {
	return fmt.Sprintf("internal error: %s cannot change from %q to %q", i.what, i.from, i.into)
}

// recoverImpossible is false in tests.
var recoverImpossible = true
