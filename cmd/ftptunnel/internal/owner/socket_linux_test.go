package owner

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// connected returns both ends of a connection over loopback.
func connected(t *testing.T, address string) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	defer l.Close()
	there, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = there.Close() })
	here, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = here.Close() })
	return here, there
}

func TestOfReturnsTheUserOfALoopbackConnection(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		here, there := connected(t, address)
		owner, err := Of(here)
		require.NoError(t, err)
		assert.Equal(t, strconv.Itoa(os.Getuid()), owner)
		// A socket that its process has closed has no user.
		require.NoError(t, there.Close())
		_, err = Of(here)
		assert.Error(t, err)
	}
}

// A socket for both families reports the address in another form.
func TestOfFindsASocketForBothFamilies(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	mapped := netip.AddrFrom4([4]byte{127, 0, 0, 1}).As16()
	require.NoError(t, unix.Connect(fd, &unix.SockaddrInet6{Addr: mapped, Port: l.Addr().(*net.TCPAddr).Port}))
	here, err := l.Accept()
	require.NoError(t, err)
	defer here.Close()
	owner, err := Of(here)
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(os.Getuid()), owner)
}

// claimed is a connection that reports another peer.
type claimed struct {
	net.Conn
	peer net.Addr
}

func (c claimed) RemoteAddr() net.Addr { return c.peer }

func TestOfFailsForALoopbackConnectionThatDoesNotExist(t *testing.T) {
	here, _ := connected(t, "127.0.0.1:0")
	// The kernel has a listener with that port, and another connection.
	_, err := Of(claimed{here, here.LocalAddr()})
	assert.Error(t, err)
	port := here.RemoteAddr().(*net.TCPAddr).Port
	_, err = Of(claimed{here, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port}})
	assert.Error(t, err)
	owner, err := Of(claimed{here, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: port}})
	assert.NoError(t, err)
	assert.Empty(t, owner, "the peer is on another host")
}
