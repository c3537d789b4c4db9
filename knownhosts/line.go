package knownhosts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A marker is the optional first field of a line: the meaning of the key for the
// hosts that the line matches.
type marker int

const (
	hostKey   marker = iota // no marker: a host key
	authority               // @cert-authority: a key that signs host certificates
	revoked                 // @revoked: a key that must never be accepted
)

// An entry is one line of a known_hosts file.
type entry struct {
	marker marker
	names  names
	key    ssh.PublicKey
	file   string
	line   int // from 1
}

// parseLine parses one line of a known_hosts file. For an empty line or a
// comment it returns nil and no error.
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

// cutMarker returns the marker that s begins with, and the rest of s. As in ssh,
// a space must follow a marker: a tab does not end it.
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

// parseKey parses a key type and a key in base64. It ignores a comment after
// them.
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
		return nil, fmt.Errorf("key type %.40q does not match the key, which is %s", name, key.Type())
	}
	return key, nil
}

// cutField returns s up to its first blank, and the rest without leading blanks.
func cutField(s string) (field, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}
