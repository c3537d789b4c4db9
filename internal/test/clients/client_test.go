package clients

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestURLNamesFileInDirectory(t *testing.T) {
	target := Target{Address: netip.MustParseAddrPort("[::1]:2121"), Dir: "pub"}
	assert.Equal(t, "ftp://[::1]:2121/pub/a%20b", target.URL("a b"))
	assert.Equal(t, "ftp://[::1]:2121/pub/", target.URL(""))
	target = Target{Address: netip.MustParseAddrPort("127.0.0.1:21"), User: "bob", Password: "lab"}
	assert.Equal(t, "ftp://bob:lab@127.0.0.1:21/f", target.URL("f"))
	assert.Equal(t, "ftp://bob:lab@127.0.0.1:21/", target.URL(""))
}

func TestEveryClientDoesEveryOperationThatItSupports(t *testing.T) {
	for _, v := range Variants(All(t.TempDir())) {
		assert.True(t, (v.Task != nil) != (v.Script != nil) != (v.Call != nil), v.Title())
		for _, o := range v.Cannot {
			assert.Contains(t, Operations, o, v.Title())
		}
		assert.Equal(t, v, v.Client.In(v.Mode.Name))
	}
}
