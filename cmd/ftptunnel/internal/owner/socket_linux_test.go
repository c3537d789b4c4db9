package owner

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
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
		assert.ErrorIs(t, err, ErrGone)
	}
}

// The kernel finds a socket that is bound to an interface for the index of that
// only.
func TestOfReturnsTheUserOfASocketBoundToAnInterface(t *testing.T) {
	loopback, err := net.InterfaceByIndex(1)
	require.NoError(t, err)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		defer l.Close()
		bound := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
			_ = c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), loopback.Name) })
			return err
		}}
		there, err := bound.DialContext(t.Context(), "tcp", l.Addr().String())
		require.NoError(t, err)
		defer there.Close()
		here, err := l.Accept()
		require.NoError(t, err)
		defer here.Close()
		owner, err := Of(here)
		require.NoError(t, err)
		assert.Equal(t, strconv.Itoa(os.Getuid()), owner)
		require.NoError(t, there.Close())
		_, err = Of(here)
		assert.ErrorIs(t, err, ErrGone)
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

// claimed is a connection that reports other ends.
type claimed struct {
	net.Conn
	here, peer net.Addr
}

func (c claimed) LocalAddr() net.Addr  { return c.here }
func (c claimed) RemoteAddr() net.Addr { return c.peer }

// Without a socket there is no owner, and no permission: only a peer that cannot be
// on this machine is on another.
func TestOfFailsForALocalConnectionThatDoesNotExist(t *testing.T) {
	here, _ := connected(t, "127.0.0.1:0")
	// The kernel has a listener with that port, and another connection.
	_, err := Of(claimed{here, here.LocalAddr(), here.LocalAddr()})
	assert.ErrorIs(t, err, errNoSocket)
	port := here.RemoteAddr().(*net.TCPAddr).Port
	peer := func(ip net.IP) *net.TCPAddr { return &net.TCPAddr{IP: ip, Port: port} }
	for _, ip := range []net.IP{net.IPv4(127, 0, 0, 2), net.IPv6loopback, net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")} {
		_, err = Of(claimed{here, here.LocalAddr(), peer(ip)})
		assert.ErrorIs(t, err, errNoSocket, "%v on a listener on the loopback", ip)
		assert.NotErrorIs(t, err, ErrGone)
	}
	other := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 2121}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		_, err = Of(claimed{here, other, peer(a.(*net.IPNet).IP)})
		assert.ErrorIs(t, err, errNoSocket, "%v is an address of this machine", a)
	}
	_, err = Of(claimed{here, other, peer(net.IPv4(127, 3, 4, 5))})
	assert.ErrorIs(t, err, errNoSocket, "no interface lists it")
	for _, ip := range []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")} {
		owner, err := Of(claimed{here, other, peer(ip)})
		assert.NoError(t, err)
		assert.Empty(t, owner, "the peer is on another host")
	}
}
