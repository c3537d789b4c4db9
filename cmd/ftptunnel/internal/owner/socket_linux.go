package owner

import (
	"bytes"
	byteorder "encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The kernel's structures of sock_diag(7); ports and addresses are in network
// byte order.
type (
	socketID struct {
		SourcePort, TargetPort [2]byte
		Source, Target         [16]byte
		Interface              uint32
		Cookie                 [2]uint32
	}
	socketRequest struct {
		Family, Protocol, Extensions, _ uint8
		States                          uint32
		ID                              socketID
	}
	socketInfo struct {
		Family, State, Timer, Retransmits uint8
		ID                                socketID
		Expires, Receiving, Sending       uint32
		User, INode                       uint32
	}
)

const (
	anyState = 1<<32 - 1
	noCookie = 1<<32 - 1
)

// Of returns the ID of the user who owns the other end of conn, or "" if that is
// on another host. It is an error if the owner cannot be found.
//
// It looks up one socket by both of its addresses. A library that lists sockets
// and takes the first with these two ports would be wrong here: the same ports
// can be in use between other addresses.
func Of(conn net.Conn) (string, error) {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return "", err
	}
	here, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return "", err
	}
	peer, here = unmapped(peer), unmapped(here)
	info, err := findSocket(peer, here)
	switch {
	case errors.Is(err, unix.ENOENT) && !peer.Addr().IsLoopback():
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look up the socket of %v: %w", peer, err)
	case info.INode == 0:
		// The process has closed it: its user is no longer known.
		return "", fmt.Errorf("the socket of %v is closed and has no owner", peer)
	}
	return strconv.FormatUint(uint64(info.User), 10), nil
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// findSocket returns the kernel's record of the socket at local that is
// connected to remote, or ENOENT.
func findSocket(local, remote netip.AddrPort) (*socketInfo, error) {
	request := socketRequest{Family: unix.AF_INET6, Protocol: unix.IPPROTO_TCP, States: anyState}
	if local.Addr().Is4() {
		request.Family = unix.AF_INET
	}
	request.ID = socketID{Cookie: [2]uint32{noCookie, noCookie}}
	byteorder.BigEndian.PutUint16(request.ID.SourcePort[:], local.Port())
	byteorder.BigEndian.PutUint16(request.ID.TargetPort[:], remote.Port())
	copy(request.ID.Source[:], local.Addr().AsSlice())
	copy(request.ID.Target[:], remote.Addr().AsSlice())
	info, err := askDiagnostics(&request)
	if err != nil {
		return nil, err
	}
	// If there is no such connection, the kernel returns a listener's socket.
	source := info.end(info.ID.Source, info.ID.SourcePort)
	target := info.end(info.ID.Target, info.ID.TargetPort)
	if source != local || target != remote {
		return nil, unix.ENOENT
	}
	return info, nil
}

// end returns one end of the connection. A socket for both IPv6 and IPv4, such
// as Java opens, reports an IPv4 address in its IPv6 form.
func (i *socketInfo) end(address [16]byte, port [2]byte) netip.AddrPort {
	ip := netip.AddrFrom16(address).Unmap()
	if i.Family == unix.AF_INET {
		ip = netip.AddrFrom4([4]byte(address[:4]))
	}
	return netip.AddrPortFrom(ip, byteorder.BigEndian.Uint16(port[:]))
}

// askDiagnostics sends one request to sock_diag(7) and returns the answer.
func askDiagnostics(request *socketRequest) (*socketInfo, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var message bytes.Buffer
	header := syscall.NlMsghdr{
		Len:  uint32(syscall.NLMSG_HDRLEN + byteorder.Size(request)),
		Type: unix.SOCK_DIAG_BY_FAMILY, Flags: unix.NLM_F_REQUEST,
	}
	_ = byteorder.Write(&message, byteorder.NativeEndian, header)
	_ = byteorder.Write(&message, byteorder.NativeEndian, request)
	if err := unix.Sendto(fd, message.Bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseNetlinkMessage(answer[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("%d messages from sock_diag: %w", len(messages), errors.Join(err, unix.EPROTO))
	}
	m := messages[0]
	if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4 {
		return nil, syscall.Errno(-int32(byteorder.NativeEndian.Uint32(m.Data)))
	}
	var info socketInfo
	if err := byteorder.Read(bytes.NewReader(m.Data), byteorder.NativeEndian, &info); err != nil {
		return nil, err
	}
	return &info, nil
}
