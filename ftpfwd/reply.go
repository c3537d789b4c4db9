package ftpfwd

import "bytes"

// A replyLine is the place of one line from the server in its reply (RFC 959,
// 4.2).
type replyLine struct {
	code  int  // of the reply that the line belongs to; 0 if the line belongs to none
	first bool // begins a reply
	last  bool // ends it; a reply of one line does both
	text  int  // where the text behind the code begins in the line, on lines that carry the code
}

// preliminary reports whether this is a 1yz reply: another will follow (RFC 959,
// 4.2.1).
func (l replyLine) preliminary() bool { return l.code/100 == 1 }

// positive reports whether this is a 2yz reply.
func (l replyLine) positive() bool { return l.code/100 == 2 }

// negative reports whether this is a 4yz or 5yz reply.
func (l replyLine) negative() bool { return l.code >= 400 }

// A replyReader finds out how the lines of a server make up replies, line by
// line: it never waits for the end of a reply.
type replyReader struct {
	open int // code of the multi-line reply that has not ended, or 0
}

// next returns the place of the next line. A multi-line reply ends with its own
// code and a blank. A preliminary line ends a refusal too and begins another
// reply: glftpd ends "553-" with "150 ", and waiting for "553 " would take all
// that follows for the inside of a reply. Elsewhere such a line is text, as in
// "100 KB free".
func (r *replyReader) next(line []byte) replyLine {
	code, more, text := replyCode(line)
	switch {
	case r.open == 0 && code == 0:
		return replyLine{}
	case r.open == 0 && more:
		r.open = code
		return replyLine{code: code, first: true, text: text}
	case r.open == 0:
		return replyLine{code: code, first: true, last: true, text: text}
	case code == r.open && !more:
		r.open = 0
		return replyLine{code: code, last: true, text: text}
	case code/100 == 1 && r.open/100 == 5 && !more:
		r.open = 0
		return replyLine{code: code, first: true, last: true, text: text}
	case code == r.open:
		return replyLine{code: code, text: text}
	default:
		return replyLine{code: r.open}
	}
}

// replyCode reads the three digits at the beginning of line, behind Telnet
// bytes if there are any (answers to a negotiation precede the next reply), and
// whether a hyphen follows. Without a code it returns 0.
func replyCode(line []byte) (code int, more bool, text int) {
	i := telnetPrefix(line)
	rest := bytes.TrimRight(line[i:], "\r\n")
	if len(rest) < 3 || rest[0] < '1' || rest[0] > '6' || !isDigit(rest[1]) || !isDigit(rest[2]) {
		return 0, false, 0
	}
	if len(rest) > 3 && rest[3] != ' ' && rest[3] != '-' && rest[3] != '\t' {
		return 0, false, 0
	}
	code = int(rest[0]-'0')*100 + int(rest[1]-'0')*10 + int(rest[2]-'0')
	return code, len(rest) > 3 && rest[3] == '-', i + min(len(rest), 4)
}
