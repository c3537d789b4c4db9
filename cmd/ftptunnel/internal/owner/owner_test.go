package owner

import (
	"os/user"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIDsAcceptsNamesAndIDs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("IDs are not numbers on Windows")
	}
	me, err := user.Current()
	require.NoError(t, err)
	for _, c := range []struct {
		names, want []string
	}{
		{nil, []string{"0", me.Uid}},
		{[]string{"any"}, nil},
		{[]string{"nobody", "any"}, nil},
		{[]string{"root"}, []string{"0", "0"}},
		{[]string{"0"}, []string{"0", "0"}},
	} {
		ids, err := IDs(c.names)
		require.NoError(t, err, c.names)
		assert.Equal(t, c.want, ids, c.names)
	}
	for _, names := range [][]string{{"no such user"}, {"any", "no such user"}} {
		_, err = IDs(names)
		assert.ErrorContains(t, err, "no such user")
	}
}
