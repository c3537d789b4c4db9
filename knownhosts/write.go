package knownhosts

import (
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// addKey adds key, as one of the host called name, to the first of UserFiles. As
// with ssh, a failure is only a warning.
func (v *Verifier) addKey(name string, key ssh.PublicKey) {
	field := names(name)
	if v.Hash {
		salt := make([]byte, sha1.Size)
		rand.Read(salt) // never fails
		field = hashName(name, salt)
	}
	line, err := formatLine(field, key)
	if err == nil {
		err = appendLine(v.UserFiles[0], line)
	}
	if err != nil {
		v.warn(fmt.Sprintf("Failed to add the host to the list of known hosts (%v).", err))
		return
	}
	v.warn(fmt.Sprintf("Permanently added '%s' (%s) to the list of known hosts.", name, typeName(key)))
}

// formatLine returns the known_hosts line, with its newline, for key as a host key
// of host. It returns an error if host would be read back as anything but a name.
func formatLine(host names, key ssh.PublicKey) (string, error) {
	if !host.hashed() {
		special := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("*?!,#@|", r) }
		if host == "" || strings.ContainsFunc(string(host), special) {
			return "", fmt.Errorf("host name %q cannot be written to a known_hosts file", string(host))
		}
	}
	return string(host) + " " + string(ssh.MarshalAuthorizedKey(key)), nil
}

// appendLine appends line to file in one write, after a newline if the file does
// not end in one. It creates file and its directory if they do not exist,
// accessible to the owner only.
func appendLine(file, line string) error {
	_ = os.Mkdir(filepath.Dir(file), 0o700) // if it fails and the directory is missing, OpenFile fails
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if lacksNewline(f) {
		line = "\n" + line
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// lacksNewline reports whether f is not empty and does not end in a newline.
func lacksNewline(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}
