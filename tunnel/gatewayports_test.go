//go:build linux

package tunnel

import (
	"cmp"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bound returns the addresses on which this machine listens at port.
func bound(t *testing.T, port string) (addresses []string) {
	t.Helper()
	out, err := exec.Command("ss", "-Hltn", "sport = :"+port).Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		host, _, err := net.SplitHostPort(strings.Fields(line)[3])
		require.NoError(t, err)
		addresses = append(addresses, host)
	}
	slices.Sort(addresses)
	return addresses
}

// What sshd grants is not what it was asked for, and it does not say so: that is
// why an address has to be dialled back before a server is told of it.
func TestSSHDListensWhereGatewayPortsLetsIt(t *testing.T) {
	loopback, everywhere := []string{"127.0.0.1", "::1"}, []string{"0.0.0.0", "::"}
	for _, c := range []struct {
		bind                     string
		no, clientSpecified, yes []string // nil: refused
	}{
		{"", loopback, everywhere, everywhere},
		{"localhost", loopback, loopback, everywhere},
		{"127.0.0.1", []string{"127.0.0.1"}, []string{"127.0.0.1"}, everywhere},
		{"::1", []string{"::1"}, []string{"::1"}, everywhere},
		{"0.0.0.0", loopback, []string{"0.0.0.0"}, everywhere},
		{"::", loopback, []string{"::"}, everywhere},
		{"*", loopback, everywhere, everywhere},
		{"192.0.2.1", loopback, nil, everywhere},
		{"name.invalid", loopback, nil, everywhere},
	} {
		for setting, want := range map[string][]string{"no": c.no, "clientspecified": c.clientSpecified, "yes": c.yes} {
			t.Run(fmt.Sprintf("%q with GatewayPorts %s", c.bind, setting), func(t *testing.T) {
				tun := openSSHD(t, "GatewayPorts "+setting)
				l, err := tun.Listen(within(t), "tcp", net.JoinHostPort(c.bind, "0"))
				if want == nil {
					var refused *OpenError
					require.ErrorAs(t, err, &refused)
					assert.True(t, refused.Listen)
					return
				}
				require.NoError(t, err)
				_, port, err := net.SplitHostPort(l.Addr().String())
				require.NoError(t, err)
				assert.Equal(t, want, bound(t, port))
				here := map[string]string{"0.0.0.0": "127.0.0.1", "::": "::1"}
				for _, at := range want {
					meet(t, l, net.JoinHostPort(cmp.Or(here[at], at), port))
				}
			})
		}
	}
}

func TestPermitListenComparesNames(t *testing.T) {
	tun := openSSHD(t, "PermitListen 127.0.0.1:*")
	mustListen(t, tun, "127.0.0.1:0")
	for _, other := range []string{"localhost:0", ":0"} {
		_, err := tun.Listen(within(t), "tcp", other)
		assert.ErrorAs(t, err, new(*OpenError), other)
	}
}

func TestPermitOpenComparesNames(t *testing.T) {
	address := serving(t, echo)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	tun := openSSHD(t, "PermitOpen localhost:"+port)
	exchange(t, mustDial(t, tun, "localhost:"+port))
	for _, other := range []string{"127.0.0.1:" + port, "LOCALHOST:" + port} {
		_, err := tun.DialContext(within(t), "tcp", other)
		var refused *OpenError
		require.ErrorAs(t, err, &refused, other)
		assert.True(t, refused.Prohibited)
	}
}

// A gateway account may be for forwarding only.
func TestForwardingNeedsNoSession(t *testing.T) {
	tun := openSSHD(t, "ForceCommand /bin/false", "MaxSessions 0", "PermitTTY no")
	exchange(t, mustDial(t, tun, serving(t, echo)))
	l := mustListen(t, tun, "127.0.0.1:0")
	meet(t, l, l.Addr().String())
}
