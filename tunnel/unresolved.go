package tunnel

import "strings"

// An Unresolved says whether, and how, a server could not resolve a host name. SSH
// has no code for this (RFC 4254, section 5.1), and Dropbear uses that of a
// prohibited connection. So the words of the reason are all there is: those that
// C libraries' gai_strerror returns, which OpenSSH and Dropbear pass on in English.
type Unresolved int

const (
	Resolved    Unresolved = iota // or not known
	Unavailable                   // no name server answered: the name may exist
	NoSuchName                    // the name does not exist, or has no address
)

// resolverWords are the texts of EAI_NONAME, EAI_NODATA and EAI_AGAIN, and of a
// resolver that gives no reason.
var resolverWords = []struct {
	words string
	means Unresolved
}{
	{"Temporary failure in name resolution", Unavailable}, // glibc
	{"Try again", Unavailable},                            // musl
	{"temporary failure", Unavailable},                    // BSD, macOS
	{"Name does not resolve", NoSuchName},                 // musl, FreeBSD
	{"no such host", NoSuchName},                          // Go
	{"Name or service not known", NoSuchName},             // glibc
	{"No address associated", NoSuchName},                 // glibc, BSD
	{"nodename nor servname provided", NoSuchName},        // macOS
	{"Name has no usable address", NoSuchName},            // musl
	{"no address associated with name", NoSuchName},       // OpenBSD
	{"hostname nor servname provided", NoSuchName},        // older BSD
	{"Error resolving", Unavailable},                      // Dropbear, before the reason
}

// Unresolved reports whether the server could not resolve the host of e.Address.
func (e *OpenError) Unresolved() Unresolved {
	if e.Err == nil || e.Listen {
		return Resolved
	}
	for _, r := range resolverWords {
		if strings.Contains(e.Err.Error(), r.words) {
			return r.means
		}
	}
	return Resolved
}
