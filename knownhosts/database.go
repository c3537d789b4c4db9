package knownhosts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A database holds the entries of known_hosts files in order.
type database []entry

// readFiles reads known_hosts files. It skips missing files, and other files and
// lines that cannot be read with a warning.
func readFiles(files []string, warn func(message string)) database {
	var db database
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				warn(fmt.Sprintf("known_hosts file skipped: %v", err))
			}
			continue
		}
		db = append(db, parse(file, string(content), warn)...)
	}
	return db
}

// parse returns the entries of text, the content of file. It skips malformed
// lines with a warning.
func parse(file, text string, warn func(message string)) database {
	var db database
	number := 0
	for line := range strings.Lines(text) {
		number++
		e, err := parseLine(line)
		if err != nil {
			warn(fmt.Sprintf("%s:%d: line skipped: %v", file, number, err))
			continue
		}
		if e != nil {
			e.file, e.line = file, number
			db = append(db, *e)
		}
	}
	return db
}

// matching returns the entries that match host, which must be in lower case. The
// empty name, which some patterns match, has none.
func (db database) matching(host string) database {
	var found database
	for _, e := range db {
		if host != "" && e.names.match(host) {
			found = append(found, e)
		}
	}
	return found
}

// revocation returns the entry that revokes key or, if key is a certificate, its
// key or its signer. It returns nil if there is none.
func (db database) revocation(key ssh.PublicKey) *entry {
	plain, signer := key, key
	if cert, ok := key.(*ssh.Certificate); ok {
		plain, signer = cert.Key, cert.SignatureKey
	}
	for i, e := range db {
		if e.marker == revoked && (sameKey(e.key, plain) || sameKey(e.key, signer)) {
			return &db[i]
		}
	}
	return nil
}

// hasAuthority reports whether db has an @cert-authority line.
func (db database) hasAuthority() bool {
	for _, e := range db {
		if e.marker == authority {
			return true
		}
	}
	return false
}

// hasKeyOfType reports whether db has a host key of the given type that it does
// not revoke.
func (db database) hasKeyOfType(name string) bool {
	for _, e := range db {
		if e.marker == hostKey && e.key.Type() == name && db.revocation(e.key) == nil {
			return true
		}
	}
	return false
}

// otherNames returns file, line and names of the entries that have key and do
// not match host.
func (db database) otherNames(host string, key ssh.PublicKey) []string {
	var found []string
	for _, e := range db {
		if e.marker != hostKey || !sameKey(e.key, key) || e.names.match(host) {
			continue
		}
		shown := string(e.names)
		if e.names.hashed() {
			shown = "[hashed name]"
		}
		found = append(found, fmt.Sprintf("%s:%d: %s", shortenHome(e.file), e.line, shown))
	}
	return found
}

// shortenHome returns path with the user's home directory written as ~.
func shortenHome(path string) string {
	home, err := os.UserHomeDir()
	if err != nil || home == "" {
		return path
	}
	separator := string(filepath.Separator)
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(home, separator)+separator)
	if !ok {
		return path
	}
	return "~" + separator + rest
}
