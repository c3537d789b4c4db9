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

// rsaSignatures are the signature algorithms of RSA keys, each with its name for
// certificates.
var rsaSignatures = map[string]string{
	ssh.KeyAlgoRSASHA512: ssh.CertAlgoRSASHA512v01,
	ssh.KeyAlgoRSASHA256: ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoRSA:       ssh.CertAlgoRSAv01,
}

// rsaOrder is OpenSSH's order of signature algorithms for RSA keys. Some servers
// accept only the first.
var rsaOrder = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}

// limitSigner returns s limited to PubkeyAcceptedAlgorithms, or nil if that
// leaves none. For RSA keys, the order of the algorithms is that of preference.
func (h Hop) limitSigner(s ssh.Signer) ssh.Signer {
	accepted := h.PubkeyAcceptedAlgorithms
	name := s.PublicKey().Type()
	if name != ssh.KeyAlgoRSA && name != ssh.CertAlgoRSAv01 {
		if len(accepted) > 0 && !slices.Contains(accepted, name) {
			return nil
		}
		return s
	}
	usable := rsaOrder
	if len(accepted) > 0 {
		usable = nil
	}
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
