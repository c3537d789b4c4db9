package knownhosts

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

// checkRevoked returns an error if a file of RevokedFiles revokes key or cannot
// be read.
func (v *Verifier) checkRevoked(host Host, key ssh.PublicKey) error {
	for _, file := range v.RevokedFiles {
		content, err := os.ReadFile(file)
		revoked := false
		if err == nil {
			revoked, err = revokes(content, key)
		}
		if err != nil {
			return fmt.Errorf("check host key of %s in revoked keys file %s: %w", host.name(), file, err)
		}
		if revoked {
			return &HostKeyError{Kind: Revoked, Host: host.name(), Key: key, File: file}
		}
	}
	return nil
}

// revokes reports whether content, that of a key revocation list or of a file
// with one public key on each line, revokes key. A certificate is revoked if its
// key or its signer is; a list can also revoke it by serial number or key ID.
func revokes(content []byte, key ssh.PublicKey) (bool, error) {
	if rest, ok := strings.CutPrefix(string(content), krlMagic); ok {
		return krlRevokes([]byte(rest), key)
	}
	cert, isCert := key.(*ssh.Certificate)
	found := false
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		listed, err := parseKey(line)
		if err != nil {
			return false, fmt.Errorf("line %d: %w", number, err)
		}
		listed = plainKey(listed)
		if sameKey(listed, plainKey(key)) || isCert && sameKey(listed, plainKey(cert.SignatureKey)) {
			found = true
		}
	}
	return found, nil
}
