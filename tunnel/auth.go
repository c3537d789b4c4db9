package tunnel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// An AuthError says that the server has refused all that could be offered.
type AuthError struct {
	Allowed []string // what the server would accept, in the words of RFC 4252
	Tried   []string // what it was offered: key files, agent keys, methods
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("Permission denied (%s).", strings.Join(e.Allowed, ","))
}

// authMethods is the order in which methods are tried unless
// PreferredAuthentications says otherwise.
var authMethods = []string{"publickey", "keyboard-interactive", "password"}

// defaultPrompts is how often a password is asked for unless
// NumberOfPasswordPrompts says otherwise.
const defaultPrompts = 3

// An authenticator chooses what to try next (RFC 4252, 5): one key at a time,
// so that one whose signature fails does not end it, then questions.
type authenticator struct {
	ctx     context.Context // of the handshake, which package ssh does not pass on
	attempt *attempt
	keys    []*identity // not tried yet
	loaded  bool
	agent   *agentKeys
	asked   map[string]int // how often each method has asked
	tried   []string
	aborted error // a question was not answered: nothing else is tried
}

func newAuthenticator(ctx context.Context, a *attempt) *authenticator {
	return &authenticator{ctx: ctx, attempt: a, asked: make(map[string]int)}
}

// close lets go of the agent.
func (a *authenticator) close() { a.agent.close() }

// next is an ssh.ClientAuthCallback.
func (a *authenticator) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	order := a.attempt.hop.PreferredAuthentications
	if len(order) == 0 {
		order = authMethods
	}
	for _, method := range order {
		if a.aborted != nil {
			break
		}
		if !slices.Contains(c.AllowedMethods, method) {
			continue
		}
		if m := a.method(method); m != nil {
			return m, nil
		}
	}
	a.attempt.authErr = a.aborted
	if a.aborted == nil {
		a.attempt.authErr = &AuthError{Allowed: c.AllowedMethods, Tried: a.tried}
	}
	return nil, a.attempt.authErr
}

// method returns how to try method once more, or nil.
func (a *authenticator) method(method string) ssh.AuthMethod {
	h := a.attempt.hop
	switch {
	case method == "publickey" && h.PubkeyAuthentication:
		return a.publicKey()
	case method == "keyboard-interactive" && h.KbdInteractive && a.mayAsk(method):
		return ssh.KeyboardInteractive(a.challenge)
	case method == "password" && h.PasswordAuthentication && a.mayAsk(method):
		return ssh.PasswordCallback(func() (string, error) {
			return a.ask(fmt.Sprintf("%s@%s's password: ", h.User, a.name()), false)
		})
	}
	return nil
}

// mayAsk counts a question that method puts, and reports whether it may. A
// host whose key is not to be trusted gets no secret.
func (a *authenticator) mayAsk(method string) bool {
	h := a.attempt.hop
	most := h.NumberOfPasswordPrompts
	if most == 0 {
		most = defaultPrompts
	}
	if a.attempt.unverified || h.BatchMode || a.attempt.tunnel.cfg.Ask == nil || a.asked[method] >= most {
		return false
	}
	if a.asked[method]++; a.asked[method] == 1 {
		a.tried = append(a.tried, method)
	}
	return true
}

// publicKey returns the method for the next key, or nil.
func (a *authenticator) publicKey() ssh.AuthMethod {
	if !a.loaded {
		a.loaded = true
		a.keys = a.identities()
	}
	for len(a.keys) > 0 {
		k := a.keys[0]
		a.keys = a.keys[1:]
		if err := k.prepare(); err != nil {
			if a.aborted != nil {
				return nil
			}
			a.warn(fmt.Errorf("%s: %w", k.name, err))
			continue
		}
		a.tried = append(a.tried, k.name)
		return ssh.PublicKeys(k)
	}
	return nil
}

// challenge answers the questions of keyboard-interactive (RFC 4256, 3.2).
func (a *authenticator) challenge(name, instruction string, questions []string, echos []bool) ([]string, error) {
	var intro string
	for _, text := range []string{name, instruction} {
		if text != "" {
			intro += text + "\n"
		}
	}
	answers := make([]string, len(questions))
	for i, q := range questions {
		answer, err := a.ask(fmt.Sprintf("%s(%s@%s) %s", intro, a.attempt.hop.User, a.name(), q), echos[i])
		if err != nil {
			return nil, err
		}
		answers[i], intro = answer, ""
	}
	return answers, nil
}

// ask puts a question. A question that is not answered ends everything: the
// person has had enough.
func (a *authenticator) ask(question string, echo bool) (string, error) {
	a.attempt.bound.pause()
	defer a.attempt.bound.resume()
	answer, err := a.attempt.tunnel.cfg.Ask(a.ctx, printable(question), echo)
	if err != nil {
		a.aborted = fmt.Errorf("question not answered: %w", err)
	}
	return answer, err
}

// printable drops what could steer the terminal: questions come from servers.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}

// name is how questions name the host.
func (a *authenticator) name() string {
	if h := a.attempt.hop; h.HostKeyAlias != "" {
		return h.HostKeyAlias
	}
	return a.attempt.hop.HostName
}

func (a *authenticator) warn(err error) {
	a.attempt.tunnel.tell(Event{Kind: Warning, Hop: a.attempt.hop, Err: err})
}

var errNoPassphrase = errors.New("no passphrase that fits")
