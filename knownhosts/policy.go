package knownhosts

import "fmt"

// A Policy is a value of StrictHostKeyChecking: what to do with an unknown key.
// No policy trusts a changed or revoked key. [Off] tolerates one; see
// [HostKeyError].Tolerated.
type Policy int

const (
	Ask       Policy = iota // ask the user; add the key if it is accepted
	Strict                  // refuse the key
	AcceptNew               // add the key and trust it
	Off                     // as AcceptNew; changed and revoked keys are tolerated
)

// ParsePolicy parses a value of StrictHostKeyChecking, as ssh_config(5) defines
// it or as "ssh -G" prints it: "ask", "yes" or "true", "accept-new", and "no",
// "off" or "false", in upper or lower case. For any other value it returns
// [Strict] and an error.
func ParsePolicy(s string) (Policy, error) {
	switch lower(s) {
	case "ask":
		return Ask, nil
	case "yes", "true":
		return Strict, nil
	case "accept-new":
		return AcceptNew, nil
	case "no", "off", "false":
		return Off, nil
	}
	return Strict, fmt.Errorf("unknown StrictHostKeyChecking %q: must be ask, yes, accept-new or no", s)
}
