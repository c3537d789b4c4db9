package settings

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What parses is an address to dial or to listen on, and parses again.
func FuzzForward(f *testing.F) {
	for _, s := range []string{"2121:ftp:21", "[::1]:2121:[fd00::1]:21", "*:0:h:1", "2121", "[::1]:0", ":1:h:2", "localhost:1:2:3", "[", "1:[]:2", "::::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if server, err := parseServer(s); err == nil {
			again, err := parseServer(server)
			require.NoError(t, err)
			assert.Equal(t, server, again)
		}
		if d, err := parseDynamic(s, Localhost); err == nil {
			_, _, err := net.SplitHostPort(d.Listen)
			assert.NoError(t, err)
		}
		fwd, err := parseForward(s, "localhost:21", Localhost)
		if err != nil {
			return
		}
		for _, address := range []string{fwd.Listen, fwd.Server} {
			_, port, err := net.SplitHostPort(address)
			require.NoError(t, err)
			assert.True(t, isPort(port, 0))
		}
	})
}
