package tunnel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	publicKey   = "publickey"
	interactive = "keyboard-interactive"
	password    = "password"

	defaultPrompts = 3 // NumberOfPasswordPrompts
)

// methodOrder is OpenSSH's, of the methods that there are here.
var methodOrder = []string{publicKey, interactive, password}

// An AuthError reports that the server authenticated the user with none of
// what there was to offer.
type AuthError struct {
	Allowed []string // the methods that the server would still take
	Tried   []string // what it refused: keys by file or agent comment, and methods
	Err     error    // why the server ended the connection, if it did
}

// Error returns the words of ssh.
func (e *AuthError) Error() string {
	text := "Permission denied (" + strings.Join(e.Allowed, ",") + ")"
	if e.Err != nil {
		return text + ": " + e.Err.Error()
	}
	return text + "."
}

// Unwrap returns Err.
func (e *AuthError) Unwrap() error { return e.Err }

// An askError is that a question was not answered.
type askError struct{ err error }

func (e *askError) Error() string { return e.err.Error() }
func (e *askError) Unwrap() error { return e.err }

// An authenticator authenticates the user in one handshake (RFC 4252), as ssh
// does: it picks what to try next each time the server has refused something.
// Each key is an attempt of its own, so that one that cannot sign does not
// keep the others from being tried.
type authenticator struct {
	ctx       context.Context // the attempt's: the ssh package's callbacks have none
	tunnel    *Tunnel
	hop       Hop
	transport *transport
	limit     *limit
	agent     *agentConn // nil if there is none

	distrusted bool // the host key is not verified: send it no secrets
	collected  bool // identities has been filled
	identities []*identity
	upcoming   int // index of the identity to offer next

	passwords, challenges int  // how often each was tried
	challenged            bool // keyboard-interactive led to a question

	allowed  []string
	tried    []string
	refusals int   // how much the server has refused
	partial  int   // how much it has taken as a part of what it wants
	aborted  error // why nothing more may be tried
}

func newAuthenticator(ctx context.Context, t *Tunnel, s *handshake) *authenticator {
	return &authenticator{ctx: ctx, tunnel: t, hop: s.hop, transport: s.transport, limit: s.limit}
}

func (a *authenticator) close() {
	if a.agent != nil {
		a.agent.Close()
	}
}

// distrust has a go on without the methods that would give a secret away, or
// ask for one.
func (a *authenticator) distrust(err error) {
	a.distrusted = true
	a.warn(err)
}

func (a *authenticator) warn(err error) {
	a.tunnel.tell(Event{Kind: Warning, Hop: a.hop, Err: err})
}

// next is the ssh package's AuthCallback.
func (a *authenticator) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	if a.aborted == nil && !a.transport.alive() {
		a.aborted = errEnded
	}
	if a.aborted != nil {
		return nil, a.aborted
	}
	a.allowed = c.AllowedMethods
	a.refusals = len(c.TriedMethods) - 1 // the first is "none"
	if n := len(c.PartialSuccessMethods); n > a.partial {
		a.partial = n
		a.upcoming = 0
	}
	order := methodOrder
	if len(a.hop.PreferredAuthentications) > 0 {
		order = a.hop.PreferredAuthentications
	}
	for _, name := range order {
		if !slices.Contains(a.allowed, name) {
			continue
		}
		if m := a.method(name); m != nil || a.aborted != nil {
			return m, a.aborted
		}
	}
	return nil, a.denied(nil)
}

// method returns an attempt of the method called name, or nil if there is none
// left.
func (a *authenticator) method(name string) ssh.AuthMethod {
	prompts := a.prompts()
	mayAsk := a.mayAsk() && !a.distrusted
	switch {
	case name == publicKey && a.hop.PubkeyAuthentication:
		if id := a.nextIdentity(); id != nil {
			a.tried = append(a.tried, id.name)
			return ssh.PublicKeys(id.signer)
		}
	case name == interactive && a.hop.KbdInteractive && mayAsk && a.challenges < prompts:
		// A server that refused without a question would do so again.
		if a.challenges > 0 && !a.challenged {
			return nil
		}
		a.try(interactive, &a.challenges)
		return ssh.KeyboardInteractive(a.challenge)
	case name == password && a.hop.PasswordAuthentication && mayAsk && a.passwords < prompts:
		a.try(password, &a.passwords)
		return ssh.PasswordCallback(a.password)
	}
	return nil
}

func (a *authenticator) try(name string, count *int) {
	if *count == 0 {
		a.tried = append(a.tried, name)
	}
	*count++
}

func (a *authenticator) password() (string, error) {
	if a.passwords > 1 {
		a.warn(errors.New("permission denied, please try again"))
	}
	return a.ask(a.account()+"'s password: ", false)
}

func (a *authenticator) challenge(name, instruction string, questions []string, echos []bool) ([]string, error) {
	if text := strings.TrimSpace(name + "\n" + instruction); text != "" {
		a.tunnel.tell(Event{Kind: Banner, Hop: a.hop, Text: text})
	}
	answers := make([]string, len(questions))
	for i, question := range questions {
		a.challenged = true
		var err error
		answers[i], err = a.ask(fmt.Sprintf("(%s) %s", a.account(), question), echos[i])
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// account names the user and the host in questions.
func (a *authenticator) account() string {
	return a.hop.User + "@" + cmp.Or(a.hop.HostKeyAlias, a.hop.HostName)
}

// prompts returns how often each secret is asked for.
func (a *authenticator) prompts() int {
	return cmp.Or(a.hop.NumberOfPasswordPrompts, defaultPrompts)
}

func (a *authenticator) mayAsk() bool { return a.tunnel.cfg.Ask != nil && !a.hop.BatchMode }

// ask asks the user. An error ends the authentication, instead of having the
// next method tried. Servers do not wait for ever: an answer that comes too
// late only ends this attempt.
func (a *authenticator) ask(question string, echo bool) (string, error) {
	a.limit.hold()
	defer a.limit.release()
	answer, err := a.tunnel.cfg.Ask(a.ctx, question, echo)
	switch {
	case err != nil && a.ctx.Err() != nil:
		a.aborted = context.Cause(a.ctx)
	case err != nil:
		a.aborted = &askError{err}
	case !a.transport.alive():
		a.aborted = errEnded
	}
	return answer, a.aborted
}

// failure returns why authentication failed, given the ssh package's error.
func (a *authenticator) failure(err error) error {
	if a.aborted != nil && a.aborted != errEnded {
		return a.aborted
	}
	if denied, ok := errors.AsType[*AuthError](err); ok {
		return denied
	}
	cause := a.transport.failure(err)
	if a.refusals > 0 && a.aborted == nil && (cause == errHungUp || cause == err) {
		// The server has seen enough, and does not want to be tried again.
		return a.denied(cause)
	}
	return cause
}

func (a *authenticator) denied(cause error) error {
	return &AuthError{Allowed: a.allowed, Tried: a.tried, Err: cause}
}
