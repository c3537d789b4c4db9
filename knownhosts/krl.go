package knownhosts

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// krlMagic begins OpenSSH's key revocation lists, which the file PROTOCOL.krl
// in its sources describes.
const krlMagic = "SSHKRL\n\x00"

// The types of sections, and of those inside the section about certificates.
const (
	krlCertificates = 1
	krlKeys         = 2
	krlSHA1         = 3
	krlSHA256       = 5
	krlExtension    = 255

	krlSerials       = 0x20
	krlSerialRange   = 0x21
	krlSerialBitmap  = 0x22
	krlKeyIDs        = 0x23
	krlCertExtension = 0x39
)

// krlRevokes reports whether the list whose magic precedes content revokes key
// or, if that is a certificate, the key that signed it. It reads the list to
// its end, so that one that is damaged is an error in any case.
func krlRevokes(content []byte, key ssh.PublicKey) (bool, error) {
	r := krlReader{rest: content}
	if version := r.uint32(); r.err == nil && version != 1 {
		return false, fmt.Errorf("key revocation list of version %d", version)
	}
	r.take(3 * 8) // the list's own number, its date, and flags
	r.string()    // reserved
	r.string()    // a comment

	cert, _ := key.(*ssh.Certificate)
	blobs := [][]byte{plainKey(key).Marshal()}
	if cert != nil {
		blobs = append(blobs, plainKey(cert.SignatureKey).Marshal())
	}
	revoked := false
	for r.more() {
		kind, section := r.byte(), krlReader{rest: r.string()}
		switch kind {
		case krlCertificates:
			revoked = section.certificates(cert) || revoked
		case krlKeys:
			revoked = section.lists(blobs, func(blob []byte) []byte { return blob }) || revoked
		case krlSHA1:
			revoked = section.lists(blobs, func(blob []byte) []byte { sum := sha1.Sum(blob); return sum[:] }) || revoked
		case krlSHA256:
			revoked = section.lists(blobs, func(blob []byte) []byte { sum := sha256.Sum256(blob); return sum[:] }) || revoked
		case krlExtension:
			section.extension()
		default:
			section.fail(fmt.Errorf("key revocation list with an unknown section %d", kind))
		}
		r.fail(section.err)
	}
	return revoked, r.err
}

// A krlReader takes apart a list, or a section. After an error, which stays in
// err, it reads zeros and is at its end.
type krlReader struct {
	rest []byte
	err  error
}

func (r *krlReader) more() bool { return r.err == nil && len(r.rest) > 0 }

func (r *krlReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// require has the list be malformed unless ok.
func (r *krlReader) require(ok bool) {
	if !ok {
		r.fail(errMalformedKRL)
	}
}

func (r *krlReader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail(errMalformedKRL)
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *krlReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *krlReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *krlReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *krlReader) string() []byte { return r.take(int(r.uint32())) }

// extension skips an extension that may be skipped.
func (r *krlReader) extension() {
	name, critical := r.string(), r.byte()
	r.string()
	if critical != 0 {
		r.fail(fmt.Errorf("key revocation list with an unknown extension %q", name))
	}
}

// lists reports whether a section of strings has the image of one of blobs.
func (r *krlReader) lists(blobs [][]byte, image func([]byte) []byte) bool {
	found := false
	for r.more() {
		listed := r.string()
		for _, blob := range blobs {
			found = found || r.err == nil && bytes.Equal(listed, image(blob))
		}
	}
	return found
}

// certificates reports whether a section about the certificates of one
// authority, or of all, revokes cert, which may be nil.
func (r *krlReader) certificates(cert *ssh.Certificate) bool {
	authority := r.string()
	r.string() // reserved
	concerned := cert != nil && (len(authority) == 0 || bytes.Equal(authority, plainKey(cert.SignatureKey).Marshal()))
	found := false
	for r.more() {
		kind, section := r.byte(), krlReader{rest: r.string()}
		found = section.certificate(kind, cert, concerned) || found
		r.fail(section.err)
	}
	return found
}

// certificate reports whether a section inside one about certificates revokes
// cert. The serial number zero stands for none: as with ssh, a list that has it
// is malformed.
func (r *krlReader) certificate(kind byte, cert *ssh.Certificate, concerned bool) bool {
	var serial uint64
	if concerned {
		serial = cert.Serial
	}
	found := false
	switch kind {
	case krlSerials:
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
	case krlKeyIDs:
		for r.more() {
			found = string(r.string()) == keyID(cert) || found
		}
		return found && concerned && r.err == nil
	case krlCertExtension:
		r.extension()
	default:
		r.fail(fmt.Errorf("key revocation list with an unknown section %#x about certificates", kind))
	}
	return found && serial != 0 && r.err == nil
}

func keyID(cert *ssh.Certificate) string {
	if cert == nil {
		return ""
	}
	return cert.KeyId
}
