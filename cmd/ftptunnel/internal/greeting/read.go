package greeting

import (
	"context"
	"net/textproto"
	"strings"
)

// Read reads the greeting of server from c, and returns its first line. It is as
// lenient as clients are: lines without a code before the greeting are skipped,
// any 2yz is a greeting, and after a 120 ("ready in nnn minutes") or another 1yz
// the next reply counts. When ctx is done it closes c. The error is an [*Error].
func Read(ctx context.Context, server string, c *textproto.Conn) (line string, err error) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	skipped := "" // the first line that has no code
	for {
		line, err := c.ReadLine()
		if err != nil {
			return "", newError(ctx, server, skipped, err)
		}
		code, more := parseReply(line)
		switch {
		case code == 0 && otherProtocol(line):
			return "", &Error{Server: server, Line: line}
		case code == 0:
			if skipped == "" {
				skipped = strings.TrimSpace(line)
			}
			continue
		}
		for last := line; more; {
			if last, err = c.ReadLine(); err != nil {
				return "", newError(ctx, server, line, err)
			}
			end, open := parseReply(last)
			more = end != code || open
		}
		switch code / 100 {
		case 1:
		case 2:
			return line, nil
		default:
			return "", &Error{Server: server, Line: line, Code: code}
		}
	}
}

// parseReply returns the code of a reply's line, or 0 if it has none, and whether
// more lines follow (RFC 959, 4.2). A line may be a bare code.
func parseReply(line string) (code int, more bool) {
	if len(line) < 3 || line[0] < '1' || line[0] > '5' {
		return 0, false
	}
	for _, digit := range []byte(line[:3]) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		code = 10*code + int(digit-'0')
	}
	switch {
	case len(line) == 3, line[3] == ' ', line[3] == '\t':
		return code, false
	case line[3] == '-':
		return code, true
	}
	return 0, false
}

// otherProtocol reports whether line is the first of a protocol other than FTP, so
// that it is no use to wait for a greeting: an SSH or a web server, a mailbox, or
// bytes that are no text.
func otherProtocol(line string) bool {
	for _, start := range []string{"SSH-", "HTTP/", "* OK", "+OK", "RFB ", "@RSYNCD"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' })
}
