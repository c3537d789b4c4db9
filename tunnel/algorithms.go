package tunnel

import (
	"cmp"
	"crypto/rsa"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// defaultRSASize is OpenSSH's default of RequiredRSASize, in bits.
const defaultRSASize = 1024

// The defaults of OpenSSH 10 as far as package ssh implements them, in its order,
// but for the ciphers. Those of package ssh contain algorithms that ssh uses only
// when asked to.
var (
	defaultKexAlgorithms = []string{
		ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519,
		ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521,
		ssh.KeyExchangeDHGEXSHA256, ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDH14SHA256,
	}
	// AES in GCM comes first: package ssh is half as fast again with it.
	defaultCiphers = []string{
		ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305,
		ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
	}
	defaultMACs = []string{
		ssh.HMACSHA256ETM, ssh.HMACSHA512ETM, ssh.HMACSHA256, ssh.HMACSHA512, ssh.HMACSHA1,
	}
	defaultPubkeyAlgorithms = []string{
		ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoSKED25519v01, ssh.CertAlgoSKECDSA256v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
)

// unlessEmpty returns list, or defaults if it is empty.
func unlessEmpty(list, defaults []string) []string {
	if len(list) == 0 {
		return defaults
	}
	return list
}

// rsaSignatures are the signature algorithms of RSA keys, each with its name for
// certificates.
var rsaSignatures = map[string]string{
	ssh.KeyAlgoRSASHA512: ssh.CertAlgoRSASHA512v01,
	ssh.KeyAlgoRSASHA256: ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoRSA:       ssh.CertAlgoRSAv01,
}

// limitSigner returns s limited to PubkeyAcceptedAlgorithms, or nil if that
// leaves none. For RSA keys, the order of the algorithms is that of preference.
func (h Hop) limitSigner(s ssh.Signer) ssh.Signer {
	accepted := unlessEmpty(h.PubkeyAcceptedAlgorithms, defaultPubkeyAlgorithms)
	name := s.PublicKey().Type()
	if name != ssh.KeyAlgoRSA && name != ssh.CertAlgoRSAv01 {
		if !slices.Contains(accepted, name) {
			return nil
		}
		return s
	}
	var usable []string // in OpenSSH's order by default: some servers accept only the first
	for _, algorithm := range accepted {
		for plain, certified := range rsaSignatures {
			if algorithm == plain && name == ssh.KeyAlgoRSA || algorithm == certified && name == ssh.CertAlgoRSAv01 {
				usable = append(usable, plain)
			}
		}
	}
	as, ok := s.(ssh.AlgorithmSigner)
	if !ok || len(usable) == 0 {
		return nil
	}
	limited, err := ssh.NewSignerWithAlgorithms(as, usable)
	if err != nil {
		return nil
	}
	return limited
}

// checkRSASize returns an error if key is an RSA key, or the certificate of one,
// that is smaller than RequiredRSASize.
func (h Hop) checkRSASize(key ssh.PublicKey) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	required := cmp.Or(h.RequiredRSASize, defaultRSASize)
	inner, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if public, ok := inner.CryptoPublicKey().(*rsa.PublicKey); ok && public.N.BitLen() < required {
		return fmt.Errorf("RSA key of %d bits is smaller than RequiredRSASize %d", public.N.BitLen(), required)
	}
	return nil
}
