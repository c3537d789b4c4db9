package ftpfwd

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTargetsAllowWhatTheyList(t *testing.T) {
	for _, c := range []struct {
		targets []string
		allowed []string
		refused []string
	}{
		{
			nil,
			[]string{"ftp.example.com:21", "10.1.2.3:2121", "[2001:db8::1]:21", "local-host:21", "gateway.example.org:21", "ftp.gateway:21", "10.0.0.2:21"},
			[]string{
				"ftp.example.com:22", "ftp.example.com:022", "ftp.example.com:0",
				"gateway:21", "GateWay.:2121", "gw.example.com:21", "10.0.0.1:21", "[::ffff:10.0.0.1]:21", "[fd00::1]:21", "[fd00:0:0::1]:21", "[fe80::1]:21",
				"localhost4:21", "localhost6.localdomain6:21", "loopback:21", "a.localhost.example.com:21", "_localdnsstub:21", "localhost:21", "LOCALHOST.:21", "localhost.localdomain:21", "x.localhost:21", "ip6-localhost:21", "ip6-loopback:21",
				"127.0.0.1:21", "127.9.9.9:21", "[::1]:21", "0.0.0.0:21", "[::]:21", "[::ffff:127.0.0.1]:21",
			},
		},
		{
			[]string{"ftp.internal", "*.dmz:2121", "10.1.0.0/16", "fd00::/8", "192.0.2.7:22"},
			[]string{"ftp.internal:21", "FTP.internal:990", "a.b.dmz:2121", "10.1.255.1:21", "[fd77::1]:21", "[::ffff:10.1.0.1]:21", "192.0.2.7:22"},
			[]string{"ftp.internal:22", "x.ftp.internal:21", "a.dmz:21", "10.2.0.1:21", "[fe80::1]:21", "10.1.x:21", "192.0.2.7:21", "localhost:21"},
		},
		{[]string{"localhost", "127.0.0.0/8:21"}, []string{"localhost:21", "127.0.0.1:21"}, []string{"localhost:22", "127.0.0.1:2121", "[::1]:21"}},
		{[]string{"gateway", "10.0.0.1:21", "ftp:022"}, []string{"gateway:21", "10.0.0.1:021", "ftp:22"}, []string{"gw.example.com:21", "10.0.0.1:22", "ftp:21"}},
	} {
		targets := Targets{FarEnd: func() []string {
			return []string{"Gateway", "gw.example.com.", "::ffff:10.0.0.1", "fd00::1", "fe80::1%eth0"}
		}}
		for _, s := range c.targets {
			target, err := ParseTarget(s)
			require.NoError(t, err)
			targets.Allowed = append(targets.Allowed, target)
		}
		for _, a := range c.allowed {
			assert.NoError(t, targets.check(a), "%v %s", c.targets, a)
		}
		for _, a := range c.refused {
			assert.Error(t, targets.check(a), "%v %s", c.targets, a)
		}
	}
}

func TestParseTargetRefusesInvalidTargets(t *testing.T) {
	for _, s := range []string{"", "a b", "ftp:0", "ftp:70000", "10.0.0.0/33", "[", "a/b", "user@host"} {
		_, err := ParseTarget(s)
		assert.Error(t, err, s)
	}
}

// The gateway's resolver takes these numbers for addresses, some of them its own.
func TestNumbersAreNoHostNames(t *testing.T) {
	for _, host := range []string{
		"127.1", "2130706433", "0x7f000001", "0x7f.1", "0", "127.0.0.1.", "fe80::1%eth0", "", "a/b", "a b", "ho\x00st",
		"127.0x1", "0177.0x1", "127.0.0x0.1", "0.0x0", "0x0", "0X7F.0X1", "127.0x", "0b1", "127.0.0.01", "017700000001", "127.0x1.",
		"localhost.0x1", "ftp.1", ".", "..", "a..b", ".a", "a..",
	} {
		assert.False(t, hostName(host), host)
	}
	for _, host := range []string{
		"ftp", "ftp-1.example.com", "1.example.com", "3com", "a_b", "10.0.0.1", "::1", "0x7f.example.com", "127.0.0.1.example.com.", "0xg", "x0", "0b2",
	} {
		assert.True(t, hostName(host), host)
	}
}

func (t Targets) allowed(address string) bool { return t.check(address) == nil }

// Only a target that names port 22 allows it.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"ftp.internal", "*.internal:21", "10.0.0.0/8", "[fd00::/8]:21", "fd00::1", "h:22", "[", "*", "?.a:0"} {
		f.Add(s, "10.1.2.3")
		f.Add(s, "ftp.internal")
	}
	f.Fuzz(func(t *testing.T, s, host string) {
		target, err := ParseTarget(s)
		if err != nil {
			return
		}
		ssh := net.JoinHostPort(host, "22")
		if (Targets{Allowed: []Target{target}}).allowed(ssh) {
			require.Regexp(t, `:0*22$`, s, "it allows %q", ssh)
		}
		if (Targets{Allowed: []Target{target}}).allowed(net.JoinHostPort(host, "21")) && target.pattern != "" {
			assert.Nil(t, net.ParseIP(host), "%q, a pattern of names, allows the address %q", s, host)
		}
	})
}
