package knownhosts

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// A status is what known_hosts entries imply for a key.
type status int

const (
	unknown    status = iota // no entry matches the host
	trusted                  // an entry has the key, or the authority that signed it
	changedKey               // entries have other keys of the host
	revokedKey               // an entry revokes the key
)

// A result is a status and its reason.
type result struct {
	status    status
	name      string        // the name that was looked up
	key       ssh.PublicKey // the key; for a certificate that is not accepted, the certified key
	offending *entry        // the entry with another key, or the one that revokes the key; otherwise nil
}

// A checker compares keys with known_hosts entries.
type checker struct {
	database            database
	principal           string   // the name that a certificate must be valid for
	signatureAlgorithms []string // those allowed for the signature of a certificate
	warn                func(message string)
}

// check checks key for name. If no entry matches, it checks key for bareName,
// unless that is empty, and returns that result only if it is trusted or
// revokedKey: another service on the host may have another key.
func (c checker) check(name, bareName string, key ssh.PublicKey) result {
	r := result{name: name, key: key}
	r.status, r.offending = c.database.matching(name).compare(key)
	cert, isCert := key.(*ssh.Certificate)
	if isCert && r.status == trusted {
		if err := checkCertificate(cert, c.principal, c.signatureAlgorithms); err != nil {
			c.warn(fmt.Sprintf("host certificate of %s not accepted: %v", name, err))
			return c.check(name, bareName, cert.Key)
		}
	}
	if r.status == unknown && bareName != "" {
		if bare := c.check(bareName, "", key); bare.status == trusted || bare.status == revokedKey {
			return bare
		}
	}
	if isCert && r.status == unknown {
		return c.check(name, bareName, cert.Key)
	}
	return r
}

// compare compares key with db, the entries that match a host: the signer of a
// certificate with the authorities, any other key with the host keys. It returns
// the offending entry for changedKey and revokedKey. Of several with another
// key, that is the last.
func (db database) compare(key ssh.PublicKey) (status, *entry) {
	if e := db.revocation(key); e != nil {
		return revokedKey, e
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
		found, offending = changedKey, &db[i]
	}
	return found, offending
}

// checkCertificate returns nil if cert, which an authority of the host signed,
// is a host certificate that is valid for principal now and whose signature uses
// one of signatureAlgorithms.
func checkCertificate(cert *ssh.Certificate, principal string, signatureAlgorithms []string) error {
	if cert.CertType != ssh.HostCert {
		return errors.New("not a host certificate")
	}
	if !slices.Contains(signatureAlgorithms, cert.Signature.Format) {
		return fmt.Errorf("signature algorithm %s is not allowed", cert.Signature.Format)
	}
	return new(ssh.CertChecker).CheckCert(principal, cert)
}
