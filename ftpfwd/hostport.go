package ftpfwd

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

var (
	errHostPort = errors.New("not six numbers from 0 to 255 (RFC 959, 4.1.2)")
	errExtended = errors.New("not |protocol|address|port| (RFC 2428, 2)")
)

// parseHostPort parses the h1,h2,h3,h4,p1,p2 of PORT (RFC 959, 4.1.2). Blanks
// around the commas and leading zeros are allowed, as several servers do.
func parseHostPort(s string) (netip.AddrPort, error) {
	start, end := findHostPort(s)
	if start < 0 || strings.TrimSpace(s[:start]) != "" || strings.TrimSpace(s[end:]) != "" {
		return netip.AddrPort{}, errHostPort
	}
	return hostPort(s[start:end]), nil
}

// formatHostPort is the inverse of parseHostPort. An address that is not IPv4
// becomes 0,0,0,0, which clients take for the host of the control connection.
func formatHostPort(a netip.AddrPort) string {
	var h [4]byte
	if ip := a.Addr().Unmap(); ip.Is4() {
		h = ip.As4()
	}
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", h[0], h[1], h[2], h[3], a.Port()>>8, a.Port()&0xff)
}

// findHostPort finds the first six comma-separated numbers from 0 to 255 in s,
// wherever they are (RFC 1123, 4.1.2.6), and returns where they begin and end, or
// -1.
func findHostPort(s string) (start, end int) {
	for i := range len(s) {
		if isDigit(s[i]) && (i == 0 || !isDigit(s[i-1])) {
			if n := scanNumbers(s[i:], 6); n > 0 {
				return i, i + n
			}
		}
	}
	return -1, -1
}

// scanNumbers returns the length of count comma-separated numbers from 0 to 255
// at the beginning of s, or 0.
func scanNumbers(s string, count int) int {
	pos := 0
	for i := range count {
		if i > 0 {
			pos += blanks(s[pos:])
			if pos >= len(s) || s[pos] != ',' {
				return 0
			}
			pos++
			pos += blanks(s[pos:])
		}
		digits := 0
		for pos+digits < len(s) && isDigit(s[pos+digits]) {
			digits++
		}
		n, err := strconv.Atoi(s[pos : pos+digits])
		if err != nil || n > 255 {
			return 0
		}
		pos += digits
	}
	return pos
}

// hostPort parses what findHostPort found.
func hostPort(s string) netip.AddrPort {
	var n [6]byte
	for i, f := range strings.Split(s, ",") {
		v, _ := strconv.Atoi(strings.TrimSpace(f))
		n[i] = byte(v)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5]))
}

// parseExtended parses the |protocol|address|port| of EPRT (RFC 2428, 2). Any
// printable character may stand for the bar.
func parseExtended(s string) (netip.AddrPort, error) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || isDigit(s[0]) {
		return netip.AddrPort{}, errExtended
	}
	f := strings.Split(s, s[:1])
	if len(f) != 5 || f[0] != "" || f[4] != "" {
		return netip.AddrPort{}, errExtended
	}
	addr, err := netip.ParseAddr(f[2])
	if err != nil {
		return netip.AddrPort{}, errExtended
	}
	port, err := strconv.ParseUint(f[3], 10, 16)
	if err != nil || f[1] != protocolOf(addr) {
		return netip.AddrPort{}, errExtended
	}
	return netip.AddrPortFrom(addr.WithZone(""), uint16(port)), nil
}

// formatExtended is the inverse of parseExtended, with bars.
func formatExtended(a netip.AddrPort) string {
	return fmt.Sprintf("|%s|%s|%d|", protocolOf(a.Addr()), a.Addr(), a.Port())
}

// protocolOf returns the network protocol number of RFC 2428, 2.
func protocolOf(a netip.Addr) string {
	if a.Is4() {
		return "1"
	}
	return "2"
}

// findExtendedPort finds the <d><d><d>port<d> of a 229 reply (RFC 2428, 3) in
// s, and returns where the port's digits begin and end, or -1. The delimiter
// may be any printable character that is not a digit. A comma is not accepted,
// though the RFC allows it: no server sends it, and a line with six numbers behind
// two more commas must have one meaning, before and after it is rewritten.
func findExtendedPort(s string) (start, end int) {
	for i := range len(s) {
		d := s[i]
		if d <= ' ' || d > '~' || d == ',' || isDigit(d) || i+3 >= len(s) || s[i+1] != d || s[i+2] != d {
			continue
		}
		start, end = i+3, i+3
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		if port, err := strconv.ParseUint(s[start:end], 10, 16); err == nil && port > 0 && end < len(s) && s[end] == d {
			return start, end
		}
	}
	return -1, -1
}

// An announcement is the address in a reply to PASV or EPSV where the server
// listens, and the bytes of the line that contain it.
type announcement struct {
	addr       netip.AddrPort // the address is invalid if the reply names none
	extended   bool           // it has only a port (229)
	loose      bool           // its syntax is not that of RFC 2428: not every client can read it
	start, end int            // the bytes to replace
}

// ParseAnnouncement returns the address where a server listens, from a reply to
// PASV (RFC 959, 4.1.2) or EPSV (RFC 2428, 3) of the given code and text. The
// IP address is not valid if the reply has only a port.
func ParseAnnouncement(code int, text string) (netip.AddrPort, bool) {
	if code != 227 && code != 229 {
		return netip.AddrPort{}, false
	}
	a, ok := findAnnouncement(code, text)
	return a.addr, ok
}

// ActiveCommand returns a PORT (RFC 959, 4.1.2) or EPRT (RFC 2428, 2) that names
// at.
func ActiveCommand(verb string, at netip.AddrPort) string {
	if verb == "EPRT" {
		return verb + " " + formatExtended(at)
	}
	return verb + " " + formatHostPort(at)
}

// findAnnouncement finds the address in text, the text of a reply line without
// its code. Some servers answer PASV with 229 and EPSV with 227, so it looks for
// both forms, the code's own first. In other replies only six numbers that fill
// a pair of parentheses count: a 228 has more (RFC 1639).
func findAnnouncement(code int, text string) (announcement, bool) {
	if code != 227 && code != 229 {
		start, end := findHostPort(text)
		if start < 1 || text[start-1] != '(' || end == len(text) || text[end] != ')' {
			return announcement{}, false
		}
		return findTuple(text)
	}
	a, ok := findPort(text)
	if ok && code == 229 && !a.loose {
		return a, true
	}
	if tuple, found := findTuple(text); found {
		return tuple, true
	}
	return a, ok && (code == 229 || !a.loose)
}

func findTuple(text string) (announcement, bool) {
	if start, end := findHostPort(text); start >= 0 {
		a := hostPort(text[start:end])
		return announcement{addr: a, start: start, end: end}, a.Port() > 0
	}
	return findShortTuple(text)
}

// findShortTuple parses the reply to PASV on an IPv6 connection, whose address
// six numbers cannot hold: the last two numbers in parentheses are the
// port, as in (1,155,25) of ProFTPD 1.3.8 and (::1,234,65) of pyftpdlib.
func findShortTuple(text string) (announcement, bool) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return announcement{}, false
	}
	address, last, ok := strings.Cut(text[open+1:end], ",")
	if !ok || scanNumbers(last, 2) != len(last) {
		return announcement{}, false
	}
	if strings.Trim(address, "0123456789abcdefABCDEF:.") != "" {
		return announcement{}, false
	}
	port := hostPort("0,0,0,0," + last).Port()
	return announcement{addr: netip.AddrPortFrom(netip.Addr{}, port), start: open + 1, end: end}, port > 0
}

func findPort(text string) (announcement, bool) {
	start, end := findExtendedPort(text)
	loose := start < 0
	if loose {
		start, end = findLonePort(text)
	}
	port, err := strconv.ParseUint(text[start:end], 10, 16)
	if err != nil || port == 0 {
		return announcement{}, false
	}
	return announcement{addr: netip.AddrPortFrom(netip.Addr{}, uint16(port)), extended: true, loose: loose, start: start, end: end}, true
}

// findLonePort finds the only number in the parentheses of s, as in
// BulletProof's (||50006|) and HP-UX's ( 9495 ), and returns where its digits
// begin and end, or twice 0.
func findLonePort(s string) (start, end int) {
	open, closed := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || closed < open {
		return 0, 0
	}
	inside := s[open+1 : closed]
	digits := strings.FieldsFunc(inside, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) != 1 || strings.Trim(inside, "0123456789| !") != "" {
		return 0, 0
	}
	start = open + 1 + strings.Index(inside, digits[0])
	return start, start + len(digits[0])
}

// rewrite returns text with a's bytes replaced by the address own.
func (a announcement) rewrite(text string, own netip.AddrPort) string {
	numbers := formatHostPort(own)
	if a.extended {
		numbers = strconv.Itoa(int(own.Port()))
	}
	return text[:a.start] + numbers + text[a.end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// blanks returns how many blanks s begins with.
func blanks(s string) int { return len(s) - len(strings.TrimLeft(s, " \t")) }
