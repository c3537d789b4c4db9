package knownhosts

import (
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxOtherNames is how many other names of a key the question lists.
const maxOtherNames = 8

// again is asked when an answer is none of those possible.
const again = "Please type 'yes', 'no' or the fingerprint: "

// question returns what to ask about the unknown key r, presented by address and
// known under otherNames.
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

// addressOf returns the address of host as the question names it.
func addressOf(host Host, remote net.Addr) string {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok || tcp == nil || len(tcp.IP) == 0 || tcp.IP.IsUnspecified() {
		return "<no hostip for proxy command>"
	}
	return withPort(tcp.AddrPort().Addr().Unmap().String(), host.Port)
}

// confirm asks until the answer is yes, the fingerprint, or no, which nothing
// at all means too.
func (v *Verifier) confirm(question, fingerprint string) (bool, error) {
	for ; ; question = again {
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
