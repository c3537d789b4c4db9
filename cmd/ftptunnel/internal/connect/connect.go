// Package connect says how the program makes SSH connections: which host keys
// it trusts, and whom it asks. It is the one place where the packages tunnel and
// knownhosts meet.
package connect

import (
	"context"

	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/tunnel"
)

// Config returns how to connect to hops. Questions go to ask, which is nil if
// nobody can be asked; those about host keys end when ctx is done. What ssh would
// print about a host key goes to notice, and what a KnownHostsCommand writes to its
// standard error.
func Config(ctx context.Context, hops []tunnel.Hop, ask terminal.Asker, notice func(text string)) tunnel.Config {
	cfg := tunnel.Config{Hops: hops, Ask: ask}
	var confirm func(string) (string, error)
	if ask != nil {
		confirm = func(question string) (string, error) { return ask(ctx, question, true) }
	}
	cfg.HostKeys = hostKeys(confirm, notice)
	return cfg
}
