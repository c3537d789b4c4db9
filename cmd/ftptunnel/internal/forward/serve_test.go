package forward

import (
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
)

func TestAnyUserMeansNoCheck(t *testing.T) {
	s := &Service{Settings: &settings.Settings{}}
	assert.Nil(t, s.forwarder("localhost:21").Owner)
	s.Settings.FTP.Users = []string{"0"}
	assert.NotNil(t, s.forwarder("localhost:21").Owner)
}

func TestOwnerOfClosedConnectionIsGone(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux reports owners")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	conn, err := l.Accept()
	require.NoError(t, err)
	defer conn.Close()
	_, err = userOf(conn)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	_, err = userOf(conn)
	assert.ErrorIs(t, err, ftpfwd.ErrOwnerGone)
}
