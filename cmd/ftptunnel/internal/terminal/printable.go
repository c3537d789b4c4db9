package terminal

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text from a server, an error that repeats it, and names of files may contain
// escape sequences, which control the terminal, and characters that make a line
// look like another: line ends, and those that change the direction of writing.
// Each of the program's outputs passes through one of the functions below, or
// through package slog's text format, which quotes.

// Printable returns s without control characters other than line ends and tabs,
// and without invisible characters.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

// OneLine returns s as one line: printable, and with each run of white space as
// one space.
func OneLine(s string) string { return strings.Join(strings.Fields(Printable(s)), " ") }

// A JSONWriter writes JSON with the characters that Printable removes as escape
// sequences of JSON. Package json escapes only those below the blank. Each Write
// must have whole characters.
type JSONWriter struct{ io.Writer }

// Write writes text, which is JSON.
func (w JSONWriter) Write(text []byte) (int, error) {
	if _, err := w.Writer.Write(escapeJSON(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

func escapeJSON(text []byte) []byte {
	escaped := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < ' ' || unicode.IsPrint(r): // those below the blank are between values
			escaped = append(escaped, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escaped = appendEscape(appendEscape(escaped, high), low)
		default:
			escaped = appendEscape(escaped, r)
		}
		text = text[size:]
	}
	return escaped
}

func appendEscape(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
