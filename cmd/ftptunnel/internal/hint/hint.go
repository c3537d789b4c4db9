// Package hint says what to do about an error: what to type, or where to look.
//
// All hints are here, one file for each subject, except those about a setting
// that cannot be used: they are beside the checks in package settings. Other
// packages return errors with a type or a sentinel, and no advice.
package hint

import (
	"errors"
	"slices"
	"strings"

	"example.org/ftptunnel/cmd/ftptunnel/internal/child"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/tally"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// An Adviser gives hints that repeat what was typed.
type Adviser struct{ Typed settings.CommandLine }

// For returns the hints about err, each an order on a line of its own. There
// may be none.
func (a Adviser) For(err error) []string {
	var (
		setting  *settings.Error
		listen   *forward.ListenError
		target   *ftpfwd.TargetError
		owner    *ftpfwd.OwnerError
		active   *ftpfwd.ActiveAddressError
		notFTP   *greeting.Error
		open     *tunnel.OpenError
		host     *knownhosts.HostKeyError
		hop      *tunnel.HopError
		identity *tunnel.IdentityError
		silent   *tunnel.SilentError
		config   *sshconfig.Error
		login    *ftpfwd.LoginError
		hungUp   *ftpfwd.HangUpError
		program  *child.StartError
		short    *tally.ShortError
	)
	var several interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &hungUp):
		return forHangUp(hungUp)
	case errors.As(err, &several):
		return a.forEach(several.Unwrap())
	case errors.As(err, &setting):
		return []string{setting.Hint}
	case errors.As(err, &listen):
		return forListen(listen)
	case errors.As(err, &target):
		return []string{"allow it: --allow-target=" + target.Address}
	case errors.As(err, &owner):
		return forOwner(owner)
	case errors.As(err, &active):
		return ActiveAddress(active)
	case errors.As(err, &open):
		return forOpen(open)
	case errors.As(err, &notFTP):
		return a.forGreeting(notFTP)
	case errors.As(err, &login):
		return forLogin(login)
	case errors.As(err, &host):
		return a.forHostKey(host, err)
	case errors.As(err, &hop):
		return a.forHop(hop)
	case errors.As(err, &identity):
		return forIdentity(identity)
	case errors.As(err, &silent) && silent.Never:
		return []string{"if it answers no keepalives, turn them off: -o ServerAliveInterval=0"}
	case errors.As(err, &config):
		return a.forConfig(config)
	case errors.Is(err, sshconfig.ErrSlow):
		return []string{"look for a slow Match exec in the ssh configuration, or for CanonicalizeHostname without a name server"}
	case errors.As(err, &short):
		return forShort(short)
	case errors.As(err, &program):
		return []string{"check the command behind --: " + strings.Join(a.Typed.Child, " ")}
	}
	return nil
}

// forShort is about a command that transferred too little.
func forShort(e *tally.ShortError) []string {
	if e.Count.Failed > 0 {
		return []string{"the log says why, in lines with result=failed; -v logs more"}
	}
	return []string{"if that can be right, require fewer: --require-transfers=0 minds failures only"}
}

// forEach returns the hints about each of errs, each hint once.
func (a Adviser) forEach(errs []error) (lines []string) {
	for _, err := range errs {
		for _, line := range a.For(err) {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
