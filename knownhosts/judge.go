package knownhosts

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// A verdict is what the files say of a key.
type verdict int

const (
	unknown verdict = iota // nothing is known of the host
	trusted
	keyChanged // other keys are known of the host
	keyRevoked
)

// A result is a verdict and what it was reached on.
type result struct {
	verdict verdict
	name    string        // the name it was found under
	key     ssh.PublicKey // the key; that of a certificate which was not accepted
	entry   *entry        // what speaks against the key; nil unless changed or revoked
}

// A judgement compares keys with what is known.
type judgement struct {
	database  database
	principal string   // whom a certificate must be made out to
	signed    []string // with what its signature may be made
	warn      func(message string)
}

// judge judges key under name and, where nothing is known, under bareName if
// that is not empty. Under bareName only a key that is known counts, or one
// that is revoked: another service of the host may well have another key.
func (j judgement) judge(name, bareName string, key ssh.PublicKey) result {
	entries := j.database.about(name)
	decided := result{name: name, key: key}

	decided.verdict, decided.entry = entries.compare(key)
	cert, isCert := key.(*ssh.Certificate)
	if isCert && decided.verdict == trusted {
		if err := checkCertificate(cert, j.principal, j.signed); err != nil {
			j.warn(fmt.Sprintf("host certificate of %s not accepted: %v", name, err))
			return j.judge(name, bareName, cert.Key)
		}
	}
	if decided.verdict == unknown && bareName != "" {
		if bare := j.judge(bareName, "", key); bare.verdict == trusted || bare.verdict == keyRevoked {
			return bare
		}
	}
	if isCert && decided.verdict == unknown {
		return j.judge(name, bareName, cert.Key)
	}
	return decided
}

// compare compares key with the entries about a host: a certificate's signer
// with the authorities, any other key with the host keys. The entry is the one
// that revokes the key, or the last that has another one.
func (db database) compare(key ssh.PublicKey) (verdict, *entry) {
	if e := db.revoking(key); e != nil {
		return keyRevoked, e
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		for _, e := range db {
			if e.marker == authority && sameKey(e.key, cert.SignatureKey) {
				return trusted, nil
			}
		}
		return unknown, nil
	}
	found, offending := unknown, (*entry)(nil)
	for i, e := range db {
		if e.marker != hostKey {
			continue
		}
		if sameKey(e.key, key) {
			return trusted, nil
		}
		found, offending = keyChanged, &db[i]
	}
	return found, offending
}

// checkCertificate reports why cert, whose signer is an authority for the host,
// is not a valid host certificate of principal, signed with one of the given
// algorithms; nil if it is.
func checkCertificate(cert *ssh.Certificate, principal string, signed []string) error {
	if cert.CertType != ssh.HostCert {
		return errors.New("not a host certificate")
	}
	if !slices.Contains(signed, cert.Signature.Format) {
		return fmt.Errorf("signed with %s", cert.Signature.Format)
	}
	return new(ssh.CertChecker).CheckCert(principal, cert)
}
