package sshconfig

import (
	"fmt"
	"slices"
	"strings"

	"example.org/ftptunnel/tunnel"

	"golang.org/x/crypto/ssh"
)

// implementedAlgorithms are the algorithms that package ssh implements, by the
// keyword that lists them. They include insecure ones: the defaults of OpenSSH
// have none of these, so they are used only where somebody configured them.
var implementedAlgorithms = func() map[string][]string {
	safe, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	keys := slices.Concat(safe.HostKeys, old.HostKeys)
	signatures := slices.Concat(safe.PublicKeyAuths, old.PublicKeyAuths)
	return map[string][]string{
		"ciphers":           slices.Concat(safe.Ciphers, old.Ciphers),
		"kexalgorithms":     slices.Concat(safe.KeyExchanges, old.KeyExchanges),
		"macs":              slices.Concat(safe.MACs, old.MACs),
		"hostkeyalgorithms": keys,
		// For a key in an agent, package ssh needs no more than the algorithm's name.
		"pubkeyacceptedalgorithms": withCertificates(signatures),
		"casignaturealgorithms":    slices.DeleteFunc(slices.Clone(signatures), isCertificate),
	}
}()

const certificateSuffix = "-cert-v01@openssh.com"

func isCertificate(algorithm string) bool { return strings.HasSuffix(algorithm, certificateSuffix) }

// certified returns the name of algorithm for certificates.
func certified(algorithm string) string {
	return strings.TrimSuffix(algorithm, "@openssh.com") + certificateSuffix
}

// withCertificates returns algorithms and their names for certificates.
func withCertificates(algorithms []string) []string {
	all := slices.Clone(algorithms)
	for _, name := range algorithms {
		if !isCertificate(name) && !slices.Contains(all, certified(name)) {
			all = append(all, certified(name))
		}
	}
	return all
}

// setAlgorithms sets the lists of algorithms. Those that nobody has configured are
// the defaults of the installed ssh; without one they stay empty, and package
// tunnel knows the defaults. Two lists stay empty in any case if they are the
// defaults: they set an order only if they are configured.
func setAlgorithms(h *tunnel.Hop, v *values, defaults settings) {
	if v.first("pubkeyacceptedalgorithms") == "" { // its name before OpenSSH 8.5
		v.settings["pubkeyacceptedalgorithms"] = v.settings["pubkeyacceptedkeytypes"]
		defaults["pubkeyacceptedalgorithms"] = defaults["pubkeyacceptedkeytypes"]
	}
	for _, l := range []struct {
		keyword   string
		list      *[]string
		byDefault func(keyword, list string) []string // nil for none
	}{
		{"ciphers", &h.Ciphers, fastestFirst},
		{"kexalgorithms", &h.KexAlgorithms, postQuantum},
		{"macs", &h.MACs, implemented},
		{"pubkeyacceptedalgorithms", &h.PubkeyAcceptedAlgorithms, implemented},
		{"hostkeyalgorithms", &h.HostKeyAlgorithms, nil},
		{"casignaturealgorithms", &h.CASignatureAlgorithms, nil},
	} {
		switch value := v.first(l.keyword); {
		case value != defaults.first(l.keyword):
			*l.list = v.algorithms(l.keyword)
		case l.byDefault != nil:
			*l.list = l.byDefault(l.keyword, value)
		}
	}
}

// fastestFirst is implemented for ciphers that nobody has put in an order: package
// ssh is half as fast again with AES in GCM as with ChaCha20.
func fastestFirst(keyword, list string) []string {
	rank := func(name string) int {
		switch {
		case strings.Contains(name, "gcm"):
			return 0
		case strings.Contains(name, "chacha20"):
			return 1
		}
		return 2
	}
	names := implemented(keyword, list)
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

// postQuantum is implemented for key exchanges: where ssh has a post-quantum one
// that is not implemented, the one that is takes its place.
func postQuantum(keyword, list string) []string {
	names := implemented(keyword, list)
	if strings.Contains(list, "sntrup761") && !slices.Contains(names, ssh.KeyExchangeMLKEM768X25519) {
		names = slices.Insert(names, 0, ssh.KeyExchangeMLKEM768X25519)
	}
	return names
}

// algorithms returns the implemented algorithms in the list of keyword.
func (v *values) algorithms(keyword string) []string {
	usable := implemented(keyword, v.first(keyword))
	if len(usable) == 0 {
		v.fail(fmt.Errorf("%s %s: none of these is implemented; implemented are %s",
			keyword, v.first(keyword), strings.Join(implementedAlgorithms[keyword], ",")))
	}
	return usable
}

// implemented returns the implemented algorithms in list, a value of keyword.
func implemented(keyword, list string) []string {
	return slices.DeleteFunc(commaList(list), func(name string) bool { return !slices.Contains(implementedAlgorithms[keyword], name) })
}

// allImplemented reports whether all algorithms in list, a value of keyword, are
// implemented.
func allImplemented(keyword, list string) bool {
	return len(implemented(keyword, list)) == len(commaList(list))
}
