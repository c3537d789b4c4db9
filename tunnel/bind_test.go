package tunnel

import (
	"net"
	"testing"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDialUsesBindInterface(t *testing.T) {
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		server, key := newServer(t, &sshtest.Server{})
		hop := hopTo(server, key)
		hop.BindInterface = i.Name
		mustOpen(t, insecureConfig(hop))
		return
	}
	t.Skip("no loopback interface")
}

func TestUnknownBindInterfaceIsAnError(t *testing.T) {
	hop := Hop{Alias: "a", HostName: "127.0.0.1", Port: 1, BindInterface: "none such"}
	_, err := openFast(testContext(t), insecureConfig(hop))
	assert.ErrorContains(t, err, "BindInterface none such")
}

func TestAddressOfInterfaceAgreesWithSSH(t *testing.T) {
	parse := func(texts ...string) []net.Addr {
		var all []net.Addr
		for _, text := range texts {
			ip, network, err := net.ParseCIDR(text)
			require.NoError(t, err)
			all = append(all, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return all
	}
	addresses := parse("127.0.0.1/8", "192.0.2.1/24", "192.0.2.2/24", "fe80::1/64", "::1/128", "2001:db8::1/64")
	assert.Equal(t, "192.0.2.1", addressOf(addresses, "tcp4").String())
	assert.Equal(t, "2001:db8::1", addressOf(addresses, "tcp6").String())
	assert.Equal(t, "fe80::1", addressOf(addresses[3:5], "tcp6").String())
	assert.False(t, addressOf(addresses[:3], "tcp6").IsValid())
}
