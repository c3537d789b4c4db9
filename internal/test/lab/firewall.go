package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ruleset is a host's firewall. A host between two others lets ssh in from the
// client's side and everything from the other; the last host lets in only the
// one before it; the first lets in nothing.
//
// "related" is left out on purpose: a machine whose connection tracking knows
// FTP would let data connections in by it.
func ruleset(previous, next *Host) string {
	accept := ""
	switch {
	case previous == nil:
	case next == nil:
		accept = fmt.Sprintf("ip saddr %s accept; ip6 saddr %s accept", previous.Far, previous.Far6)
	default:
		accept = fmt.Sprintf(`iifname %q tcp dport 22 accept; iifname %q accept`, previous.Name, next.Name)
	}
	return fmt.Sprintf(`
table inet firewall {
	chain input {
		type filter hook input priority 0; policy drop;
		iifname "lo" accept
		ct state established accept
		meta l4proto { icmp, ipv6-icmp } accept
		%s
	}
	chain forward {
		type filter hook forward priority 0; policy drop;
	}
}`, accept)
}

// Cut makes h unreachable: what is sent to it and what it sends is lost
// without a word, as when a cable is pulled somewhere along the way. It lasts
// until [Host.Mend].
func (h *Host) Cut(t testing.TB) {
	t.Helper()
	require.NoError(t, h.nft(`
table inet cut {
	chain in {
		type filter hook prerouting priority -400; policy drop;
		iifname "lo" accept
	}
	chain out {
		type filter hook postrouting priority 400; policy drop;
		oifname "lo" accept
	}
}`))
}

// Refuse makes h turn away what matches an nft(8) expression, also from itself,
// until the test ends.
func (h *Host) Refuse(t testing.TB, match string) {
	t.Helper()
	require.NoError(t, h.nft(fmt.Sprintf(`
table inet refusal {
	chain input {
		type filter hook input priority -10; policy accept;
		%s reject with tcp reset
	}
}`, match)))
}

// Block makes h deal with what comes to it and matches an nft(8) expression as
// a verdict says, "drop" or "reject with tcp reset", until [Host.Unblock]. It
// comes before the firewall's leave for connections that there are.
func (h *Host) Block(t testing.TB, match, verdict string) {
	t.Helper()
	require.NoError(t, h.nft(fmt.Sprintf(`
table inet block {
	chain input {
		type filter hook input priority -10; policy accept;
		%s %s
	}
}`, match, verdict)))
}

// Unblock undoes [Host.Block].
func (h *Host) Unblock(t testing.TB) {
	t.Helper()
	require.NoError(t, h.nft("delete table inet block"))
}

// Mend undoes [Host.Cut].
func (h *Host) Mend(t testing.TB) {
	t.Helper()
	require.NoError(t, h.nft("delete table inet cut"))
}

// nft carries out nft(8) commands on h.
func (h *Host) nft(commands string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := h.Command(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}
