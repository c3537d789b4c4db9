package tunnel

import (
	"crypto/rsa"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// defaultRSASize is OpenSSH's RequiredRSASize.
const defaultRSASize = 1024

// rsaSignatures are the algorithms with which RSA keys sign, each with its name
// for the certificates of these keys.
var rsaSignatures = map[string]string{
	ssh.KeyAlgoRSASHA512: ssh.CertAlgoRSASHA512v01,
	ssh.KeyAlgoRSASHA256: ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoRSA:       ssh.CertAlgoRSAv01,
}

// acceptedSigner returns s as h allows it to sign: not at all, which is nil, or
// if it is an RSA key with some algorithms only, in the order of preference.
func (h Hop) acceptedSigner(s ssh.Signer) ssh.Signer {
	accepted := h.PubkeyAcceptedAlgorithms
	name := s.PublicKey().Type()
	if name != ssh.KeyAlgoRSA && name != ssh.CertAlgoRSAv01 {
		if len(accepted) > 0 && !slices.Contains(accepted, name) {
			return nil
		}
		return s
	}
	usable := rsaAlgorithms
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

// checkRSASize returns an error if key is an RSA key, or a certificate of one,
// that is smaller than h allows.
func (h Hop) checkRSASize(key ssh.PublicKey) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	wanted := h.RequiredRSASize
	if wanted == 0 {
		wanted = defaultRSASize
	}
	inner, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if public, ok := inner.CryptoPublicKey().(*rsa.PublicKey); ok && public.N.BitLen() < wanted {
		return fmt.Errorf("an RSA key of %d bits, less than RequiredRSASize %d", public.N.BitLen(), wanted)
	}
	return nil
}
