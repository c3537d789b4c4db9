package sshconfig

import (
	"fmt"
	"slices"
	"strings"

	"example.org/ftptunnel/tunnel"

	"golang.org/x/crypto/ssh"
)

// defaultRSASize is OpenSSH's RequiredRSASize.
const defaultRSASize = 1024

// implementedAlgorithms are those that package ssh implements, by the keyword
// that lists them. Old ones are among them: OpenSSH's own lists have none, so
// whoever configures one has asked for it.
var implementedAlgorithms = func() map[string][]string {
	safe, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	keys := slices.Concat(safe.HostKeys, old.HostKeys)
	signatures := slices.Concat(safe.PublicKeyAuths, old.PublicKeyAuths)
	return map[string][]string{
		"ciphers":           slices.Concat(safe.Ciphers, old.Ciphers),
		"kexalgorithms":     slices.Concat(safe.KeyExchanges, old.KeyExchanges),
		"macs":              slices.Concat(safe.MACs, old.MACs),
		"hostkeyalgorithms": keys,
		// Of a key in an agent the package needs to know no more than the name.
		"pubkeyacceptedalgorithms": withCertificates(signatures),
		"casignaturealgorithms":    slices.DeleteFunc(slices.Clone(signatures), isCertificate),
	}
}()

const certificateSuffix = "-cert-v01@openssh.com"

func isCertificate(algorithm string) bool { return strings.HasSuffix(algorithm, certificateSuffix) }

// certified returns the algorithm that a certificate of a key that signs with
// algorithm goes by.
func certified(algorithm string) string {
	return strings.TrimSuffix(algorithm, "@openssh.com") + certificateSuffix
}

// withCertificates adds to plain algorithms those of certificates.
func withCertificates(algorithms []string) []string {
	all := slices.Clone(algorithms)
	for _, name := range algorithms {
		if !isCertificate(name) && !slices.Contains(all, certified(name)) {
			all = append(all, certified(name))
		}
	}
	return all
}

// setAlgorithms sets the lists that are not those of ssh without configuration:
// package ssh's own order is the better one where nobody asked for another.
func setAlgorithms(h *tunnel.Hop, v *values, defaults settings) {
	if v.first("pubkeyacceptedalgorithms") == "" { // the name before OpenSSH 8.5
		v.settings["pubkeyacceptedalgorithms"] = v.settings["pubkeyacceptedkeytypes"]
		defaults["pubkeyacceptedalgorithms"] = defaults["pubkeyacceptedkeytypes"]
	}
	for _, l := range []struct {
		keyword string
		list    *[]string
	}{
		{"ciphers", &h.Ciphers},
		{"kexalgorithms", &h.KexAlgorithms},
		{"macs", &h.MACs},
		{"hostkeyalgorithms", &h.HostKeyAlgorithms},
		{"pubkeyacceptedalgorithms", &h.PubkeyAcceptedAlgorithms},
		{"casignaturealgorithms", &h.CASignatureAlgorithms},
	} {
		if v.first(l.keyword) != defaults.first(l.keyword) {
			*l.list = v.algorithms(l.keyword)
		}
	}
}

// algorithms returns the list of keyword without what is not implemented.
func (v *values) algorithms(keyword string) []string {
	implemented := implementedAlgorithms[keyword]
	usable := slices.DeleteFunc(commaList(v.first(keyword)), func(name string) bool { return !slices.Contains(implemented, name) })
	if len(usable) == 0 && v.err == nil {
		v.err = fmt.Errorf("%s %s: none of them is implemented here; these are: %s",
			keyword, v.first(keyword), strings.Join(implemented, ","))
	}
	return usable
}

// allImplemented reports whether all names in the list of keyword are.
func allImplemented(keyword, list string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(implementedAlgorithms[keyword], name) {
			return false
		}
	}
	return true
}
