package owner

import (
	"bytes"
	byteorder "encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// ask sends a request of one of the protocols of netlink(7), made of parts, and
// returns the content of the one message of the answer. If the kernel answers
// with an error, that is a [syscall.Errno].
func ask(protocol int, kind uint16, parts ...any) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	defer unix.Close(fd)
	length := syscall.NLMSG_HDRLEN
	for _, part := range parts {
		length += byteorder.Size(part)
	}
	var message bytes.Buffer
	header := syscall.NlMsghdr{Len: uint32(length), Type: kind, Flags: unix.NLM_F_REQUEST}
	for _, part := range append([]any{header}, parts...) {
		_ = byteorder.Write(&message, byteorder.NativeEndian, part)
	}
	if err := unix.Sendto(fd, message.Bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(answer[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("netlink: %d messages: %w", len(messages), errors.Join(err, unix.EPROTO))
	}
	m := messages[0]
	if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4 {
		return nil, syscall.Errno(-int32(byteorder.NativeEndian.Uint32(m.Data)))
	}
	return m.Data, nil
}
