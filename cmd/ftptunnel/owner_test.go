//go:build linux

package main

import (
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"example.org/ftptunnel/ftpfwd"
)

// meeting returns both ends of a connection over loopback.
func meeting(t *testing.T, address string) (here, there net.Conn) {
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

func TestTheOwnerOfALoopbackConnectionIsKnown(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		here, there := meeting(t, address)
		owner, err := ownerOf(here)
		require.NoError(t, err)
		assert.Equal(t, strconv.Itoa(os.Getuid()), owner)
		// A socket that no process has any more says nothing about its user.
		require.NoError(t, there.Close())
		_, err = ownerOf(here)
		assert.Error(t, err)
	}
}

// A socket for both families has another form of the same address.
func TestTheOwnerOfASocketForBothFamiliesIsKnown(t *testing.T) {
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
	owner, err := ownerOf(here)
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(os.Getuid()), owner)
}

// claimed is a connection that says it came from elsewhere.
type claimed struct {
	net.Conn
	peer net.Addr
}

func (c claimed) RemoteAddr() net.Addr { return c.peer }

func TestALoopbackConnectionThatIsNotThereHasNoOwner(t *testing.T) {
	here, _ := meeting(t, "127.0.0.1:0")
	// The kernel knows a listener with that port, and another connection.
	_, err := ownerOf(claimed{here, here.LocalAddr()})
	assert.Error(t, err)
	port := here.RemoteAddr().(*net.TCPAddr).Port
	_, err = ownerOf(claimed{here, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port}})
	assert.Error(t, err)
	owner, err := ownerOf(claimed{here, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: port}})
	assert.NoError(t, err)
	assert.Empty(t, owner, "somebody on another host")
}

func TestUsersAreNamedByNameOrID(t *testing.T) {
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
		var f ftpfwd.Forwarder
		require.NoError(t, letIn(&f, c.names), c.names)
		assert.Equal(t, c.want, f.Users, c.names)
	}
	assert.ErrorAs(t, letIn(new(ftpfwd.Forwarder), []string{"no such user"}), new(*usageError))
}
