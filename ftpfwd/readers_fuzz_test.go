package ftpfwd

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However data is cut into pieces, the same files end in it.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte(blocks("data", true)), 1)
	f.Add([]byte(blocks("data", false)+blocks("", true)), 4)
	f.Add([]byte("\x40\x00\x00\x40\x00\x00\x80\xff\xff"), 2)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var whole, cutUp blockReader
		want := whole.read(data)
		got := 0
		for rest := data; len(rest) > 0; {
			n := min(max(cut, 1), len(rest))
			got += cutUp.read(rest[:n])
			rest = rest[n:]
		}
		require.Equal(t, want, got)
		require.Equal(t, whole.left, cutUp.left)
		require.LessOrEqual(t, want, len(data)/blockHeader)
	})
}

// A login names a server that can be dialled, and nothing more.
func FuzzLogin(f *testing.F) {
	for _, login := range []string{"bob@ftp.example.com", "bob@example.com@[::1]:2121", "bob@h:21", "@h", "bob@", "bob@127.1", "bob@h:0", "b@[fe80::1%lo]"} {
		f.Add(login)
	}
	f.Fuzz(func(t *testing.T, login string) {
		user, address, err := parseLogin(login)
		if err != nil {
			return
		}
		require.NotEmpty(t, user)
		require.True(t, strings.HasPrefix(login, user+"@"))
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.True(t, hostName(host), host)
		require.True(t, portNumber(port), port)
		if !(Targets{}).allowed(address) {
			return
		}
		require.NotEqual(t, "22", port)
		require.False(t, net.ParseIP(host).IsLoopback(), host)
	})
}

func (t Targets) allowed(address string) bool { return t.check(address) == nil }

// Port 22 is allowed to those only who say so.
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
		if (Targets{target}).allowed(ssh) {
			require.True(t, strings.HasSuffix(s, ":22"), "%q allows %q", s, ssh)
		}
		if (Targets{target}).allowed(net.JoinHostPort(host, "21")) && target.pattern != "" {
			assert.Nil(t, net.ParseIP(host), "%q, a pattern of names, allows the address %q", s, host)
		}
	})
}
