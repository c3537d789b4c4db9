package ftptest

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// tuple formats a as h1,h2,h3,h4,p1,p2, with zeros for an IPv6 address.
func tuple(a netip.AddrPort) string {
	var h [4]byte
	if a.Addr().Is4() {
		h = a.Addr().As4()
	}
	return numbers(append(h[:], byte(a.Port()>>8), byte(a.Port())))
}

// long formats a as RFC 1639 does: family, address and port, the latter two
// after their lengths.
func long(a netip.AddrPort) string {
	family := byte(4)
	if a.Addr().Is6() {
		family = 6
	}
	h := a.Addr().AsSlice()
	b := append([]byte{family, byte(len(h))}, h...)
	return numbers(append(b, 2, byte(a.Port()>>8), byte(a.Port())))
}

func numbers(b []byte) string {
	s := make([]string, len(b))
	for i, n := range b {
		s[i] = strconv.Itoa(int(n))
	}
	return strings.Join(s, ",")
}

// parseNumbers parses n1,n2,...
func parseNumbers(argument string) ([]byte, error) {
	fields := strings.Split(argument, ",")
	b := make([]byte, len(fields))
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 8)
		if err != nil {
			return nil, errors.New("not numbers from 0 to 255")
		}
		b[i] = byte(v)
	}
	return b, nil
}

func port(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

// parsePort parses h1,h2,h3,h4,p1,p2 (RFC 959, 4.1.2).
func parsePort(argument string) (netip.AddrPort, error) {
	n, err := parseNumbers(argument)
	if err != nil || len(n) != 6 {
		return netip.AddrPort{}, errors.New("not six numbers from 0 to 255")
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n)), port(n[4:])), nil
}

// parseExtended parses |protocol|address|port| (RFC 2428, 2).
func parseExtended(argument string) (netip.AddrPort, error) {
	malformed := errors.New("not |protocol|address|port|")
	if argument == "" {
		return netip.AddrPort{}, malformed
	}
	f := strings.Split(argument, argument[:1])
	if len(f) != 5 {
		return netip.AddrPort{}, malformed
	}
	address, err := netip.ParseAddr(f[2])
	port, portErr := strconv.ParseUint(f[3], 10, 16)
	if err != nil || portErr != nil || (f[1] != "1" || !address.Is4()) && (f[1] != "2" || !address.Is6()) {
		return netip.AddrPort{}, malformed
	}
	return netip.AddrPortFrom(address, uint16(port)), nil
}

// parseLong parses af,hal,h1,...,pal,p1,p2 (RFC 1639).
func parseLong(argument string) (netip.AddrPort, error) {
	malformed := errors.New("not family, address and port")
	n, err := parseNumbers(argument)
	if err != nil || len(n) < 2 || len(n) != int(n[1])+5 || n[len(n)-3] != 2 {
		return netip.AddrPort{}, malformed
	}
	address, ok := netip.AddrFromSlice(n[2 : 2+n[1]])
	if !ok || (n[0] != 4 || !address.Is4()) && (n[0] != 6 || !address.Is6()) {
		return netip.AddrPort{}, fmt.Errorf("%w: unknown family %d", malformed, n[0])
	}
	return netip.AddrPortFrom(address, port(n[len(n)-2:])), nil
}
