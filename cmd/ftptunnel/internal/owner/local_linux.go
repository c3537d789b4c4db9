package owner

import (
	"bytes"
	byteorder "encoding/binary"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// isLocal reports whether a process on this machine can connect from addr. A
// link-local address is this machine's if any interface has it, on whichever it
// is seen: two interfaces may be on one link.
func isLocal(addr netip.Addr) (bool, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	for _, a := range addresses {
		prefix, ok := a.(*net.IPNet)
		if one, _ := netip.AddrFromSlice(prefix.IP); ok && one.Unmap() == addr {
			return true, nil
		}
	}
	return isDelivered(addr)
}

// isDelivered reports whether the kernel delivers what is sent to addr to this
// machine. It does so for whole networks that no interface lists: for 127.0.0.0/8,
// and for that of each address of the loopback's.
func isDelivered(addr netip.Addr) (bool, error) {
	request := unix.RtMsg{Family: unix.AF_INET6, Dst_len: uint8(addr.BitLen())}
	if addr.Is4() {
		request.Family = unix.AF_INET
	}
	destination := unix.RtAttr{Len: uint16(unix.SizeofRtAttr + len(addr.AsSlice())), Type: unix.RTA_DST}
	answer, err := ask(unix.NETLINK_ROUTE, unix.RTM_GETROUTE, request, destination, addr.AsSlice())
	if refusal, ok := err.(syscall.Errno); ok && isRouteError(refusal) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var route unix.RtMsg
	if err := byteorder.Read(bytes.NewReader(answer), byteorder.NativeEndian, &route); err != nil {
		return false, err
	}
	return route.Type == unix.RTN_LOCAL, nil
}

// isRouteError reports whether the kernel has no route, or one that says so.
func isRouteError(e syscall.Errno) bool {
	switch e {
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL:
		return true
	}
	return false
}
