package owner

import (
	"bytes"
	byteorder "encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

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

	synSent = 2 // the state of a socket whose connection is not accepted yet
)

// errNoSocket reports that no socket here is the other end of a connection.
var errNoSocket = errors.New("there is no such socket")

// Of returns the ID of the user who owns the other end of conn, or "" if that is
// on another host. It is an error if the owner cannot be found. It wraps
// [ErrGone] if that is because the other end has closed the connection.
//
// That no socket is found is no proof of another host: only a peer is there whose
// address is none of this machine's, and nobody on another host reaches a
// listener on the loopback.
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
	info, err := findSocket(plain(peer), plain(here), zoneIndex(peer.Addr()))
	if errors.Is(err, errNoSocket) {
		var local bool
		local, err = isLocal(plain(peer).Addr())
		switch {
		case err != nil:
		case !local && !plain(here).Addr().IsLoopback():
			return "", nil
		default:
			info, err = findBoundSocket(plain(peer), plain(here))
		}
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("look up the socket of %v: %w", peer, err)
	case info.INode == 0:
		return "", fmt.Errorf("the socket of %v: %w", peer, ErrGone)
	}
	return strconv.FormatUint(uint64(info.User), 10), nil
}

// plain returns a without zone, and an IPv4 address in its own form.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// zoneIndex returns the index of the interface that the zone of a names, or 0.
func zoneIndex(a netip.Addr) int {
	if i, err := net.InterfaceByName(a.Zone()); err == nil {
		return i.Index
	}
	index, _ := strconv.Atoi(a.Zone()) // how package net writes one without a name
	return index
}

// findBoundSocket is findSocket for a socket that may be bound to an interface:
// the kernel returns one only for the index of that.
func findBoundSocket(local, remote netip.AddrPort) (*socketInfo, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		info, err := findSocket(local, remote, i.Index)
		if !errors.Is(err, errNoSocket) {
			return info, err
		}
	}
	return nil, errNoSocket
}

// findSocket returns the kernel's record of the socket at local that is
// connected to remote, or errNoSocket. It finds a socket that is bound to an
// interface, as all with link-local addresses are, by the index of that only.
func findSocket(local, remote netip.AddrPort, index int) (*socketInfo, error) {
	request := socketRequest{Family: unix.AF_INET6, Protocol: unix.IPPROTO_TCP, States: anyState}
	if local.Addr().Is4() {
		request.Family = unix.AF_INET
	}
	request.ID = socketID{Interface: uint32(index), Cookie: [2]uint32{noCookie, noCookie}}
	byteorder.BigEndian.PutUint16(request.ID.SourcePort[:], local.Port())
	byteorder.BigEndian.PutUint16(request.ID.TargetPort[:], remote.Port())
	copy(request.ID.Source[:], local.Addr().AsSlice())
	copy(request.ID.Target[:], remote.Addr().AsSlice())
	answer, err := ask(unix.NETLINK_SOCK_DIAG, unix.SOCK_DIAG_BY_FAMILY, request)
	if errors.Is(err, unix.ENOENT) {
		return nil, errNoSocket
	}
	if err != nil {
		return nil, err
	}
	var info socketInfo
	if err := byteorder.Read(bytes.NewReader(answer), byteorder.NativeEndian, &info); err != nil {
		return nil, err
	}
	// If there is no such connection, the kernel returns a listener's socket. One
	// that is still connecting is not the one that was accepted.
	source := info.end(info.ID.Source, info.ID.SourcePort)
	target := info.end(info.ID.Target, info.ID.TargetPort)
	if source != local || target != remote || info.State == synSent {
		return nil, errNoSocket
	}
	return &info, nil
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
