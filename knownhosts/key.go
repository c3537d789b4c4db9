package knownhosts

import (
	"bytes"
	"strings"

	"golang.org/x/crypto/ssh"
)

// sameKey reports whether a and b are the same public key.
func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// plainKey returns key or, if key is a certificate, the key that it certifies.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// typeName returns the type of key as ssh prints it.
func typeName(key ssh.PublicKey) string {
	name, suffix := key.Type(), ""
	if cert, ok := key.(*ssh.Certificate); ok {
		name, suffix = cert.Key.Type(), "-CERT"
	}
	switch name {
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		name = "ECDSA"
	case ssh.KeyAlgoSKECDSA256:
		name = "ECDSA-SK"
	case ssh.KeyAlgoSKED25519:
		name = "ED25519-SK"
	case "ssh-dss":
		name = "DSA"
	default:
		name = strings.ToUpper(strings.TrimPrefix(name, "ssh-"))
	}
	return name + suffix
}

// isCertificate reports whether algorithm is one of certificates.
func isCertificate(algorithm string) bool { return strings.Contains(algorithm, "-cert-v01@") }

// keyType returns the key type of a host key algorithm: RSA keys have one type
// and several algorithms (RFC 8332, section 2).
func keyType(algorithm string) string {
	switch algorithm {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	case ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSASHA512v01:
		return ssh.CertAlgoRSAv01
	}
	return algorithm
}

// plainType returns the key type of algorithm or, if that is one of
// certificates, the type of the keys that they certify.
func plainType(algorithm string) string {
	return keyType(strings.Replace(algorithm, "-cert-v01@openssh.com", "", 1))
}
