package knownhosts

import (
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxOtherNames is the number of other names of a key that the question lists.
const maxOtherNames = 8

// retryQuestion is asked after an answer that is none of those expected.
const retryQuestion = "Please type 'yes', 'no' or the fingerprint: "

// question returns the question to ask about the unknown key of r, which the host
// at address presented. otherNames lists the entries that have the same key.
func question(r result, address string, otherNames []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The authenticity of host '%s (%s)' can't be established.\n", r.name, address)
	fmt.Fprintf(&b, "%s key fingerprint is %s.\n", typeName(r.key), ssh.FingerprintSHA256(r.key))
	if len(otherNames) == 0 {
		b.WriteString("This key is not known by any other names.\n")
	} else {
		b.WriteString("This host key is known by the following other names/addresses:\n")
	}
	for i, name := range otherNames {
		if i == maxOtherNames {
			fmt.Fprintf(&b, "    (%d additional names omitted)\n", len(otherNames)-i)
			break
		}
		fmt.Fprintf(&b, "    %s\n", name)
	}
	b.WriteString("Are you sure you want to continue connecting (yes/no/[fingerprint])? ")
	return b.String()
}

// addressOf returns the address that the question shows: remote with the port of
// host, or what ssh shows if remote is not known.
func addressOf(host Host, remote net.Addr) string {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok || tcp == nil || len(tcp.IP) == 0 || tcp.IP.IsUnspecified() {
		return "<no hostip for proxy command>"
	}
	return withPort(tcp.AddrPort().Addr().Unmap().String(), host.Port)
}

// confirm asks question until the answer is yes, no, empty or fingerprint. It
// reports whether the answer was yes or fingerprint.
func (v *Verifier) confirm(question, fingerprint string) (bool, error) {
	for ; ; question = retryQuestion {
		answer, err := v.Ask(question)
		if err != nil {
			return false, err
		}
		word := ""
		if fields := strings.Fields(answer); len(fields) > 0 {
			word = fields[0]
		}
		switch {
		case word == "", strings.EqualFold(word, "no"):
			return false, nil
		case word == fingerprint, strings.EqualFold(word, "yes"):
			return true, nil
		}
	}
}
