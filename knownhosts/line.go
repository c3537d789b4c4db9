package knownhosts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A marker says what a line's key is to the hosts it is about.
type marker int

const (
	hostKey   marker = iota // a key of theirs
	authority               // @cert-authority: signs their certificates
	revoked                 // @revoked: must never be accepted from them
)

// An entry is one line of a known_hosts file.
type entry struct {
	marker marker
	names  names
	key    ssh.PublicKey
	file   string
	line   int
}

// parseLine parses one line of a known_hosts file. It returns nil and no error
// for an empty line or a comment.
func parseLine(line string) (*entry, error) {
	rest := strings.Trim(line, " \t\r\n")
	if rest == "" || rest[0] == '#' {
		return nil, nil
	}
	var e entry
	if rest[0] == '@' {
		var err error
		if e.marker, rest, err = cutMarker(rest); err != nil {
			return nil, err
		}
	}
	host, rest := cutField(rest)
	e.names = names(host)
	if e.names.hashed() {
		if _, err := e.names.salt(); err != nil {
			return nil, err
		}
	}
	var err error
	if e.key, err = parseKey(rest); err != nil {
		return nil, err
	}
	return &e, nil
}

// cutMarker cuts the marker off the front of s. Unlike other fields it must end
// with a space, not a tab, or ssh does not know it.
func cutMarker(s string) (marker, string, error) {
	word, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimLeft(rest, " \t")
	switch {
	case strings.HasPrefix(rest, "@"):
		return 0, "", errors.New("more than one marker")
	case word == "@cert-authority":
		return authority, rest, nil
	case word == "@revoked":
		return revoked, rest, nil
	default:
		return 0, "", fmt.Errorf("unknown marker %.40q", word)
	}
}

// parseKey parses the type and the base64 of a key; what follows is a comment.
func parseKey(s string) (ssh.PublicKey, error) {
	name, rest := cutField(s)
	encoded, _ := cutField(rest)
	if encoded == "" || name[0] == '#' {
		return nil, errors.New("no key")
	}
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("malformed %.40q key: %w", name, err)
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("unusable %.40q key: %w", name, err)
	}
	if keyType(name) != key.Type() {
		return nil, fmt.Errorf("the key is %s, not %.40q as the line says", key.Type(), name)
	}
	return key, nil
}

// cutField cuts s around the first blanks.
func cutField(s string) (field, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// formatLine returns the line, with its end, that tells key as one of host's.
// It refuses a name that would not stand for itself alone.
func formatLine(host names, key ssh.PublicKey) (string, error) {
	if !host.hashed() {
		strange := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("*?!,#@|", r) }
		if host == "" || strings.ContainsFunc(string(host), strange) {
			return "", fmt.Errorf("%q cannot be written as a name", string(host))
		}
	}
	return string(host) + " " + string(ssh.MarshalAuthorizedKey(key)), nil
}
