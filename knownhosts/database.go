package knownhosts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A database is the entries of known_hosts files, in their order.
type database []entry

// readFiles reads known_hosts files. A missing one is empty; what cannot be
// read of the others, a file or a line, is skipped and told to warn.
func readFiles(files []string, warn func(message string)) database {
	var db database
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				warn(fmt.Sprintf("known hosts file skipped: %v", err))
			}
			continue
		}
		db = append(db, parse(file, string(content), warn)...)
	}
	return db
}

// parse returns the entries of text, which is in file.
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

// about returns the entries about host, which must be in lower case. No entry
// is about the empty name, which patterns would match.
func (db database) about(host string) database {
	var matching database
	for _, e := range db {
		if host != "" && e.names.match(host) {
			matching = append(matching, e)
		}
	}
	return matching
}

// revoking returns the entry that revokes key or, if that is a certificate,
// its signer. It returns nil if there is none.
func (db database) revoking(key ssh.PublicKey) *entry {
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

// hasKeyOfType reports whether db has a usable host key of the given type.
func (db database) hasKeyOfType(name string) bool {
	for _, e := range db {
		if e.marker == hostKey && e.key.Type() == name && db.revoking(e.key) == nil {
			return true
		}
	}
	return false
}

// otherNames returns where and under which names, other than host, key is known.
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

// sameKey reports whether a and b are the same public key.
func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// appendLine appends line to file in one write, on a line of its own. It
// creates the file for its owner alone, and the directory it is in as well.
func appendLine(file, line string) error {
	_ = os.Mkdir(filepath.Dir(file), 0o700) // mostly there already; if not for another reason, opening fails
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if unended(f) {
		line = "\n" + line
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// unended reports whether the last line of f lacks its end.
func unended(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}
