package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ruleset returns a host's firewall. A host between two others accepts port 22
// from the client's side and everything from the other side; the last host
// accepts everything from the one before it; the first accepts nothing.
//
// It does not accept "related" connections: if the kernel's connection tracking
// knows FTP, data connections are.
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

// Cut makes h unreachable until [Host.Mend]: packets to and from h are dropped, as
// if a cable had been pulled.
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

// Refuse makes h reject packets that match an nft(8) expression, also its own,
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

// Block applies a verdict, such as "drop" or "reject with tcp reset", to incoming
// packets of h that match an nft(8) expression, until [Host.Unblock]. It precedes
// the firewall's rule for established connections.
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

// nft runs nft(8) commands on h.
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
