package knownhosts

import (
	"slices"

	"golang.org/x/crypto/ssh"
)

// plainAlgorithms are the host key algorithms of plain keys that OpenSSH
// offers by default, most preferred first. They are also the algorithms that it
// allows by default for the signature of a certificate.
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

// certificateAlgorithms are the host key algorithms of certificates that
// OpenSSH offers by default, most preferred first.
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

// Algorithms returns the host key algorithms to offer to host, most preferred
// first. It takes them from preferred, or from OpenSSH's default list if that is
// empty, and moves those whose type of key is known for host to the front. As
// with ssh, it keeps the order if the type of the first is known.
//
// It omits algorithms that golang.org/x/crypto/ssh does not implement, and those
// of certificates unless an @cert-authority line matches host, with or without
// its port. If that would leave none, it returns a copy of preferred.
//
// The only error is one of Command. Files and lines that cannot be read are
// skipped without a warning; Verify warns about them.
func (v *Verifier) Algorithms(host Host, preferred []string) ([]string, error) {
	files := readFiles(v.files(), func(string) {})
	printed, err := v.command("ORDER", lower(host.Name), nil) // as ssh does, without the port
	if err != nil {
		return nil, err
	}
	entries := append(files.matching(host.name()), printed.matching(host.name())...)
	certificates := entries.hasAuthority() || files.matching(host.bareName()).hasAuthority()

	usable := usableAlgorithms(preferred, certificates)
	switch {
	case len(usable) == 0:
		return slices.Clone(preferred), nil
	case entries.hasKeyOfType(plainType(usable[0])):
		return usable, nil
	default:
		return entries.knownFirst(usable), nil
	}
}

// usableAlgorithms returns those of preferred, or of the default list if that is
// empty, that package ssh implements. It omits those of certificates unless
// certificates is set.
func usableAlgorithms(preferred []string, certificates bool) []string {
	candidates := preferred
	if len(candidates) == 0 {
		candidates = slices.Concat(certificateAlgorithms, plainAlgorithms)
	}
	implemented := append(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys...)
	var usable []string
	for _, algorithm := range candidates {
		if slices.Contains(implemented, algorithm) && (certificates || !isCertificate(algorithm)) {
			usable = append(usable, algorithm)
		}
	}
	return usable
}

// knownFirst returns algorithms with those first for whose type of key db has a
// host key or, if they are of certificates, an authority. It keeps the order
// otherwise.
func (db database) knownFirst(algorithms []string) []string {
	var first, last []string
	for _, algorithm := range algorithms {
		if isCertificate(algorithm) && db.hasAuthority() || db.hasKeyOfType(plainType(algorithm)) {
			first = append(first, algorithm)
		} else {
			last = append(last, algorithm)
		}
	}
	return append(first, last...)
}
