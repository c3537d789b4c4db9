// Package hint says what to do about an error: what to type, or where to look.
//
// All hints are here, one file for each subject, except those about a setting
// that cannot be used: they are beside the checks in package settings. Other
// packages return errors with a type or a sentinel, and no advice.
package hint

import (
	"errors"
	"slices"

	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
)

// For returns the hints about err, each an order on a line of its own. There
// may be none.
func For(err error) []string {
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
	)
	var several interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ftpfwd.ErrNoGoodbye):
		return []string{"look for an idle timeout: the FTP server's own, or ChannelTimeout in the gateway's sshd_config"}
	case errors.As(err, &several):
		return forEach(several.Unwrap())
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
		return []string{"check that " + notFTP.Server + " is the FTP server's address, as the gateway sees it, or name another: ftptunnel gateway ftp-host:port"}
	case errors.As(err, &host):
		return forHostKey(host, err)
	case errors.As(err, &hop):
		return forHop(hop)
	case errors.As(err, &identity):
		return forIdentity(identity)
	case errors.As(err, &silent) && silent.Never:
		return []string{"if it answers no keepalives, turn them off: -o ServerAliveInterval=0"}
	}
	return nil
}

// forEach returns the hints about each of errs, each hint once.
func forEach(errs []error) (lines []string) {
	for _, err := range errs {
		for _, line := range For(err) {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
