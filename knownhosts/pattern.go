package knownhosts

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"strings"
)

// hashMagic begins a hashed name. Salt and hash follow in base64, separated by a
// vertical bar.
const hashMagic = "|1|"

// names is the field of a line that host names are matched with: a
// comma-separated list of patterns, or one hashed name.
type names string

// hashed reports whether n is a hashed name.
func (n names) hashed() bool { return strings.HasPrefix(string(n), "|") }

// salt returns the salt of a hashed name.
func (n names) salt() ([]byte, error) {
	rest, ok := strings.CutPrefix(string(n), hashMagic)
	encoded, _, found := strings.Cut(rest, "|")
	if !ok || !found {
		return nil, errors.New("malformed hashed name")
	}
	salt, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(salt) != sha1.Size {
		return nil, errors.New("malformed salt in hashed name")
	}
	return salt, nil
}

// match reports whether n matches host, which must be in lower case. A pattern
// after an exclamation mark excludes what it matches, wherever it is in the list.
func (n names) match(host string) bool {
	if n.hashed() {
		salt, err := n.salt()
		return err == nil && hashName(host, salt) == n
	}
	matched := false
	for pattern := range strings.SplitSeq(lower(string(n)), ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matchPattern(pattern, host) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// hashName returns host hashed as with HashKnownHosts: by HMAC-SHA1 with salt as
// the key.
func hashName(host string, salt []byte) names {
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(host))
	encode := base64.StdEncoding.EncodeToString
	return names(hashMagic + encode(salt) + "|" + encode(mac.Sum(nil)))
}

// matchPattern reports whether the whole of s matches pattern. An asterisk
// matches any number of bytes, including none, and a question mark matches one.
// Neither can be escaped.
func matchPattern(pattern, s string) bool {
	p, i := 0, 0
	star, resume := -1, 0 // index of the last asterisk in pattern, and where in s to resume after a mismatch
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			resume++
			p, i = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// lower returns s with ASCII letters in lower case. It leaves other letters
// unchanged, since some have an ASCII letter as their lower case.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
