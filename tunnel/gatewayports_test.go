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

// listening returns the addresses on which this machine listens at port.
func listening(t *testing.T, port string) (addresses []string) {
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

// An sshd may listen on another address than requested, and does not report it.
// That is why an address needs a test connection before an FTP server gets it.
func TestSSHDListensWhereGatewayPortsAllows(t *testing.T) {
	loopback, everywhere := []string{"127.0.0.1", "::1"}, []string{"0.0.0.0", "::"}
	for _, c := range []struct {
		bind                     string
		no, clientSpecified, yes []string // nil means rejected
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
				l, err := tun.Listen(testContext(t), "tcp", net.JoinHostPort(c.bind, "0"))
				if want == nil {
					var refused *OpenError
					require.ErrorAs(t, err, &refused)
					assert.True(t, refused.Listen)
					return
				}
				require.NoError(t, err)
				_, port, err := net.SplitHostPort(l.Addr().String())
				require.NoError(t, err)
				assert.Equal(t, want, listening(t, port))
				here := map[string]string{"0.0.0.0": "127.0.0.1", "::": "::1"}
				for _, at := range want {
					checkForward(t, l, net.JoinHostPort(cmp.Or(here[at], at), port))
				}
			})
		}
	}
}

func TestSSHDPermitListenComparesStrings(t *testing.T) {
	tun := openSSHD(t, "PermitListen 127.0.0.1:*")
	mustListen(t, tun, "127.0.0.1:0")
	for _, other := range []string{"localhost:0", ":0"} {
		_, err := tun.Listen(testContext(t), "tcp", other)
		assert.ErrorAs(t, err, new(*OpenError), other)
	}
}

func TestSSHDPermitOpenComparesStrings(t *testing.T) {
	address := serve(t, echo)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	tun := openSSHD(t, "PermitOpen localhost:"+port)
	checkEcho(t, mustDial(t, tun, "localhost:"+port))
	for _, other := range []string{"127.0.0.1:" + port, "LOCALHOST:" + port} {
		_, err := tun.DialContext(testContext(t), "tcp", other)
		var refused *OpenError
		require.ErrorAs(t, err, &refused, other)
		assert.True(t, refused.Prohibited)
	}
}

// An account on the gateway may be limited to forwarding.
func TestSSHDForwardsWithoutSession(t *testing.T) {
	tun := openSSHD(t, "ForceCommand /bin/false", "MaxSessions 0", "PermitTTY no")
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	l := mustListen(t, tun, "127.0.0.1:0")
	checkForward(t, l, l.Addr().String())
}
