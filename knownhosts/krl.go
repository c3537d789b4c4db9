package knownhosts

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// krlMagic begins a key revocation list. PROTOCOL.krl in the sources of OpenSSH
// defines the format.
const krlMagic = "SSHKRL\n\x00"

// Section types of a list, KRL_SECTION_ in PROTOCOL.krl.
const (
	krlCertificates      = 1
	krlExplicitKey       = 2
	krlFingerprintSHA1   = 3
	krlFingerprintSHA256 = 5
	krlExtension         = 255
)

// Section types inside krlCertificates, KRL_SECTION_CERT_ in PROTOCOL.krl.
const (
	krlSerialList    = 0x20
	krlSerialRange   = 0x21
	krlSerialBitmap  = 0x22
	krlKeyID         = 0x23
	krlCertExtension = 0x39
)

// krlRevokes reports whether a list revokes key or, if key is a certificate, its
// key or its signer. content is the list without krlMagic. krlRevokes reads all of
// it, so that a malformed list is an error for every key.
func krlRevokes(content []byte, key ssh.PublicKey) (bool, error) {
	r := krlReader{rest: content}
	if version := r.uint32(); r.err == nil && version != 1 {
		return false, fmt.Errorf("unsupported key revocation list version %d", version)
	}
	r.take(3 * 8) // krl_version, generated_date, flags
	r.string()    // reserved
	r.string()    // comment

	cert, _ := key.(*ssh.Certificate)
	blobs := [][]byte{plainKey(key).Marshal()}
	if cert != nil {
		blobs = append(blobs, plainKey(cert.SignatureKey).Marshal())
	}
	revoked := false
	for r.more() {
		kind, body := r.byte(), krlReader{rest: r.string()}
		revoked = body.section(kind, cert, blobs) || revoked
		r.fail(body.err)
	}
	return revoked, r.err
}

// section reports whether a section of a list revokes cert, which may be nil,
// or one of blobs, which are public keys.
func (r *krlReader) section(kind byte, cert *ssh.Certificate, blobs [][]byte) bool {
	switch kind {
	case krlCertificates:
		return r.certificates(cert)
	case krlExplicitKey:
		return r.containsAny(blobs, func(blob []byte) []byte { return blob })
	case krlFingerprintSHA1:
		return r.containsAny(blobs, func(blob []byte) []byte { sum := sha1.Sum(blob); return sum[:] })
	case krlFingerprintSHA256:
		return r.containsAny(blobs, func(blob []byte) []byte { sum := sha256.Sum256(blob); return sum[:] })
	case krlExtension:
		r.extension()
	default:
		r.fail(fmt.Errorf("unknown section type %d in key revocation list", kind))
	}
	return false
}

// containsAny reports whether a section of strings contains fingerprint of one
// of blobs.
func (r *krlReader) containsAny(blobs [][]byte, fingerprint func([]byte) []byte) bool {
	found := false
	for r.more() {
		listed := r.string()
		for _, blob := range blobs {
			found = found || r.err == nil && bytes.Equal(listed, fingerprint(blob))
		}
	}
	return found
}

// certificates reports whether a section about the certificates of one
// authority, or of all, revokes cert, which may be nil.
func (r *krlReader) certificates(cert *ssh.Certificate) bool {
	authority := r.string()
	r.string() // reserved
	applies := cert != nil && (len(authority) == 0 || bytes.Equal(authority, plainKey(cert.SignatureKey).Marshal()))
	if !applies {
		cert = nil
	}
	found := false
	for r.more() {
		kind, body := r.byte(), krlReader{rest: r.string()}
		found = body.certSection(kind, cert) || found
		r.fail(body.err)
	}
	return found
}

// certSection reports whether a section inside krlCertificates revokes
// cert. If cert is nil, it only checks the format. A certificate without a serial
// number has the number zero, which no section can revoke: as in ssh, a list
// that contains it is malformed.
func (r *krlReader) certSection(kind byte, cert *ssh.Certificate) bool {
	var serial uint64
	if cert != nil {
		serial = cert.Serial
	}
	found := false
	switch kind {
	case krlSerialList:
		for r.more() {
			listed := r.uint64()
			r.require(listed != 0)
			found = listed == serial || found
		}
	case krlSerialRange:
		low, high := r.uint64(), r.uint64()
		r.require(0 < low && low <= high)
		found = low <= serial && serial <= high
	case krlSerialBitmap:
		offset := r.uint64()
		bits := new(big.Int).SetBytes(r.string())
		r.require(offset != 0 || bits.Bit(0) == 0)
		distance := serial - offset
		found = serial >= offset && distance < uint64(bits.BitLen()) && bits.Bit(int(distance)) == 1
	case krlKeyID:
		for r.more() {
			listed := string(r.string())
			found = cert != nil && listed == cert.KeyId || found
		}
		return found && r.err == nil
	case krlCertExtension:
		r.extension()
	default:
		r.fail(fmt.Errorf("unknown certificate section type %#x in key revocation list", kind))
	}
	return found && serial != 0 && r.err == nil
}
