package knownhosts

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// plainAlgorithms are the host key algorithms, and those of a certificate's
// signature, that OpenSSH accepts by default, most preferred first.
var plainAlgorithms = []string{
	ssh.KeyAlgoED25519,
	ssh.KeyAlgoECDSA256,
	ssh.KeyAlgoECDSA384,
	ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoSKED25519,
	ssh.KeyAlgoSKECDSA256,
	ssh.KeyAlgoRSASHA512,
	ssh.KeyAlgoRSASHA256,
}

// certificateAlgorithms are those of certificates, in the same order.
var certificateAlgorithms = []string{
	ssh.CertAlgoED25519v01,
	ssh.CertAlgoECDSA256v01,
	ssh.CertAlgoECDSA384v01,
	ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoSKED25519v01,
	ssh.CertAlgoSKECDSA256v01,
	ssh.CertAlgoRSASHA512v01,
	ssh.CertAlgoRSASHA256v01,
}

// Algorithms returns the host key algorithms to ask host for, most preferred
// first: those of preferred, or if that is empty of OpenSSH's default list,
// with the types of key first that are known for host. No algorithm is left out
// for not being known; left out are those that x/crypto does not implement, and
// those of certificates unless an @cert-authority line is about host, on its port
// or bare. If that would leave none, it returns preferred unchanged.
//
// If the most preferred algorithm's type of key is known, the order stays as it
// is, as with ssh. The only error is one of Command.
func (v *Verifier) Algorithms(host Host, preferred []string) ([]string, error) {
	db := readFiles(v.files(), func(string) {})
	commanded, err := v.command("ORDER", lower(host.Name), nil) // the bare name, as ssh has it
	if err != nil {
		return nil, err
	}
	entries := append(db.about(host.name()), commanded.about(host.name())...)

	candidates := preferred
	if len(candidates) == 0 {
		candidates = slices.Concat(certificateAlgorithms, plainAlgorithms)
	}
	implemented := append(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys...)
	certificates := entries.hasAuthority() || db.about(host.bareName()).hasAuthority()
	known := func(algorithm string) bool {
		return isCertificate(algorithm) && entries.hasAuthority() || entries.hasKeyOfType(plainType(algorithm))
	}

	var usable, first, last []string
	for _, algorithm := range candidates {
		if !slices.Contains(implemented, algorithm) || isCertificate(algorithm) && !certificates {
			continue
		}
		usable = append(usable, algorithm)
		if known(algorithm) {
			first = append(first, algorithm)
		} else {
			last = append(last, algorithm)
		}
	}
	switch {
	case len(usable) == 0:
		return slices.Clone(preferred), nil
	case entries.hasKeyOfType(plainType(usable[0])):
		return usable, nil
	default:
		return append(first, last...), nil
	}
}

// isCertificate reports whether algorithm is one of certificates.
func isCertificate(algorithm string) bool { return strings.Contains(algorithm, "-cert-v01@") }

// keyType returns the type of key that goes with a host key algorithm: RSA keys
// have one type and several algorithms (RFC 8332, 2).
func keyType(algorithm string) string {
	switch algorithm {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	case ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSASHA512v01:
		return ssh.CertAlgoRSAv01
	}
	return algorithm
}

// plainType returns the type of key that goes with algorithm or, if that is one
// of certificates, the type of the key they certify.
func plainType(algorithm string) string {
	return keyType(strings.Replace(algorithm, "-cert-v01@openssh.com", "", 1))
}
