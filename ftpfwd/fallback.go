package ftpfwd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	errNoMethod   = errors.New("the FTP server is not on the gateway, so it could not connect to it")
	errClosedPath = errors.New("the server's reply came too late")
)

// failures are why one method after the other failed.
type failures []error

func (f failures) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (f failures) Unwrap() []error { return f }

// refused deals with a server's refusal to open p. It is the client's reply if
// it is about the login and not about the method, or comes too late for another
// method.
func (s *session) refused(ctx context.Context, p *dataPath, line []byte, l replyLine) disposition {
	s.stopHold(p)
	late := s.opening != p && s.pending.oldest() != nil || p.state == closed
	if aboutLogin(l.code) || late || (p.native() && len(p.failed) == 0 && len(p.left) == 0) {
		s.paths.drop(p)
		s.release(p)
		s.rebind(p)
		if !p.owed {
			return drop()
		}
		return relay(line)
	}
	refusal := fmt.Sprintf("%d %s", l.code, strings.TrimSpace(string(line[l.text:])))
	if p.refusal == "" && p.native() {
		p.refusal = refusal
	}
	if l.code >= 500 && !p.asksForFamily() {
		s.unsupported.learn(p.method, false)
	}
	s.methodFailed(ctx, p, fmt.Errorf("the server refuses %v: %s", p.method, oneLine(refusal)), notSupported(l.code) && !p.asksForFamily())
	return drop()
}

// methodFailed asks for p with the next method. The failure is remembered for
// the sessions to come if it lasts: if it does not depend on the login or on
// what the server is doing.
func (s *session) methodFailed(ctx context.Context, p *dataPath, err error, lasts bool) {
	if lasts {
		s.learn(p.method, false)
	}
	p.failed = append(p.failed, err)
	s.opening = p
	s.askNext(ctx, p)
}

// maxUnanswered is how many methods a server may leave without a reply before no
// other is tried.
const maxUnanswered = 2

// unanswered asks for p with the next method: the server does not reply.
func (s *session) unanswered(ctx context.Context, p *dataPath) {
	s.pending.giveUp(p, requestGivenUp)
	s.unsupported.learn(p.method, false)
	if p.unanswered++; p.unanswered == maxUnanswered {
		p.left = nil
	}
	s.methodFailed(ctx, p, fmt.Errorf("the server does not answer %v", p.method), false)
}

// ownNext returns what a command of ours opens, if the server has to answer that
// next; else nil.
func (s *session) ownNext() *dataPath {
	if p := s.opening; p != nil && !p.native() && s.pending.opensNext(p) {
		return p
	}
	return nil
}

// misanswered asks for p with the next method: the server has answered ours with a
// reply that is none, which the client must not take for the reply to its own.
func (s *session) misanswered(ctx context.Context, p *dataPath, line []byte) disposition {
	s.pending.giveUp(p, requestSettled)
	s.unsupported.learn(p.method, false)
	s.methodFailed(ctx, p, fmt.Errorf("the server answers %v with %q", p.method, excerpt(line)), false)
	return drop()
}

// learn remembers whether a data connection could be opened with m.
func (s *session) learn(m method, worked bool) {
	if s.f.ServerMode != Exact {
		s.methods.learn(m, worked)
	}
}

// withoutListener gives up those of p's methods that need the listener which the
// gateway has refused.
func (s *session) withoutListener(p *dataPath) {
	p.left = slices.DeleteFunc(p.left, func(m method) bool { return !m.passive() && m.ipv6 == p.method.ipv6 })
}

// failed gives up p, whose reply the server has sent, because of err. The client
// receives a refusal in the place of that reply.
func (s *session) failed(p *dataPath, err error) disposition {
	p.left, p.failed = nil, failures{err}
	refusal := s.cannotOpen(p)
	if refusal == "" {
		return drop()
	}
	return replace([]byte(oneLine(refusal) + "\r\n"))
}

// cannotOpen gives up p, which no method opens. It returns the reply that the
// client waits for, or "" if it does not wait for one.
func (s *session) cannotOpen(p *dataPath) (refusal string) {
	s.release(p)
	if len(p.failed) == 0 {
		p.failed = failures{errNoMethod}
	}
	s.source.warn(NoDataConnection, "no data connection", p.failed)
	switch {
	case !p.owed && p.live != nil: // the client has connected
		p.broken = failure{Server, p.failed}
		p.live.close()
		return ""
	case !p.owed:
		s.paths.drop(p)
		return ""
	}
	s.paths.drop(p)
	return cmp.Or(p.refusal, fmt.Sprintf("425 %s refused: %v", p.asked.verb, reason(p.failed)))
}

// asksForFamily reports whether the server was asked with the client's EPSV that
// names a network protocol (RFC 2428, 3). A refusal may be about that alone.
func (p *dataPath) asksForFamily() bool {
	return p.method == epsv && p.native() && len(p.failed) == 0 && p.asked.argument != ""
}

// notSupported reports whether code refuses a command to everybody (RFC 959,
// 4.2; RFC 2428, 2).
func notSupported(code int) bool {
	switch code {
	case 500, 501, 502, 504, 522:
		return true
	}
	return false
}

// aboutLogin reports whether code refuses what the client may do, or everything,
// and not the method that it asked for (RFC 959, 4.2.2; RFC 2228, 5.1).
func aboutLogin(code int) bool {
	switch code {
	case 421, 503, 530, 532, 533, 534, 535, 536, 537:
		return true
	}
	return code/100 == 3
}

// reason returns what a reply to a client says about err.
func reason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer from the gateway in time")
	}
	return err
}
