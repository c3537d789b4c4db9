package connect

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
)

// hostKeys returns how to verify a hop's host key; see HostKeys of
// [tunnel.Config]. ask may be nil.
func hostKeys(ask func(question string) (string, error), notice func(text string)) func(tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
	return func(h tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
		policy, err := knownhosts.ParsePolicy(h.StrictHostKeyChecking)
		if err != nil {
			return nil, nil, err
		}
		v := &knownhosts.Verifier{
			UserFiles:           h.UserKnownHostsFiles,
			GlobalFiles:         h.GlobalKnownHostsFiles,
			RevokedFiles:        h.RevokedHostKeysFiles,
			SignatureAlgorithms: h.CASignatureAlgorithms,
			Policy:              policy,
			Hash:                h.HashKnownHosts,
			Warn:                func(text string) { notice("Warning: " + text) },
		}
		if len(h.KnownHostsCommand) > 0 {
			v.Command = knownHostsCommand(h.KnownHostsCommand, commandLimit, notice)
		}
		if !h.BatchMode {
			v.Ask = ask
		}
		host := knownhosts.Host{Name: h.HostName, Port: h.Port, Alias: h.HostKeyAlias}
		verify := func(_ string, remote net.Addr, key ssh.PublicKey) error {
			err := v.Verify(host, remote, key)
			var bad *knownhosts.HostKeyError
			if errors.As(err, &bad) && bad.Tolerated {
				notice(bad.Warning())
				return fmt.Errorf("%w: %w", tunnel.ErrUnverified, err)
			}
			return err
		}
		algorithms, err := v.Algorithms(host, h.HostKeyAlgorithms)
		return verify, algorithms, err
	}
}
