package settings

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShellWordQuotes(t *testing.T) {
	assert.Equal(t, "alice@gateway", shellWord("alice@gateway"))
	assert.Equal(t, `'[::1]:21'`, shellWord("[::1]:21"))
	assert.Equal(t, `'it'\''s'`, shellWord("it's"))
}

func TestCommandLineIsRepeatedWithAChange(t *testing.T) {
	c := CommandLine{
		Command: "ftptunnel run",
		Flags: []Flag{
			{Name: "fxp", Switch: true}, {Name: "identity", Letter: "i", Value: "my key"}, {Name: "listen", Letter: "L", Value: "1:a:21"},
			{Name: "port", Letter: "p", Value: "2222"}, {Name: "ipv4", Letter: "4", Switch: true}, {Name: "login", Letter: "l", Value: "bob"},
		},
		Args: []string{"gw", "ftp"}, Child: []string{"curl", "{url}"},
	}
	assert.Equal(t, "ftptunnel run --fxp --identity='my key'", CommandLine{Command: c.Command, Flags: c.Flags[:2]}.String())
	assert.Equal(t, "ssh -p 2222 -i 'my key' -4", c.SSH())
	assert.Equal(t, "ftptunnel run --port=2222 --ipv4 --login=bob gw other -- curl '{url}'", c.Without("fxp", "identity", "listen").With("gw", "other").String())
	assert.Equal(t, "ftptunnel check gw ftp", c.Without("fxp", "identity", "listen", "port", "ipv4", "login").WithCommand("ftptunnel check").String())
	assert.Len(t, c.Flags, 6, "it is not changed")
}
