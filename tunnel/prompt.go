package tunnel

import (
	"cmp"
	"context"
	"errors"
	"strings"
)

const defaultPrompts = 3 // NumberOfPasswordPrompts

// A promptError reports that a prompt went unanswered.
type promptError struct{ err error }

func (e *promptError) Error() string { return e.err.Error() }
func (e *promptError) Unwrap() error { return e.err }

func (a *authenticator) mayAsk() bool { return a.tunnel.cfg.Ask != nil && !a.hop.BatchMode }

// prompts returns how many attempts each secret has.
func (a *authenticator) prompts() int {
	return cmp.Or(a.hop.NumberOfPasswordPrompts, defaultPrompts)
}

// ask prompts the user. An error ends the authentication: no other method is
// tried. If the server has closed the connection meanwhile, only this
// connection attempt ends.
func (a *authenticator) ask(question string, echo bool) (string, error) {
	a.timeout.pause()
	defer a.timeout.restart()
	answer, err := a.tunnel.cfg.Ask(a.ctx, question, echo)
	switch {
	case err != nil && a.ctx.Err() != nil:
		a.aborted = context.Cause(a.ctx)
	case err != nil:
		a.aborted = &promptError{err}
	case !a.transport.alive():
		a.aborted = errProtocolEnded
	}
	return answer, a.aborted
}

// account returns user and host as ssh names them in prompts.
func (a *authenticator) account() string {
	return a.hop.User + "@" + cmp.Or(a.hop.HostKeyAlias, a.hop.HostName)
}

// password is the callback of the method password.
func (a *authenticator) password() (string, error) {
	if a.passwords > 1 {
		a.warn(PasswordWarning, errors.New("permission denied, please try again"))
	}
	return a.ask(a.account()+"'s password: ", false)
}

// fromServer returns a question of the server's with the account in front of each
// line, so that none looks like a question of the program's own.
func (a *authenticator) fromServer(question string) string {
	origin := "(" + a.account() + ") "
	return origin + strings.ReplaceAll(question, "\n", "\n"+origin)
}

// challenge is the callback of the method keyboard-interactive.
func (a *authenticator) challenge(name, instruction string, questions []string, echos []bool) ([]string, error) {
	if text := strings.TrimSpace(name + "\n" + instruction); text != "" {
		a.tunnel.observe(Event{Kind: Banner, Hop: a.hop, Text: text})
	}
	answers := make([]string, len(questions))
	for i, question := range questions {
		a.prompted = true
		var err error
		answers[i], err = a.ask(a.fromServer(question), echos[i])
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}
