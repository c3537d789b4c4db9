package ftpfwd

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHostDialsFromGivenAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	from := addrOf(free.Addr())
	require.NoError(t, free.Close())
	c, err := host{from.Addr()}.dialFrom(t.Context(), from, l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	assert.Equal(t, from, addrOf(c.LocalAddr()))
}
