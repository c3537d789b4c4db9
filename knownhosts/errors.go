package knownhosts

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A Kind says why a host key is not trusted.
type Kind int

const (
	Unknown Kind = iota // no key is known of the host
	Changed             // another key is known of the host
	Revoked             // the key is marked as revoked
)

// A HostKeyError reports a host key that is not trusted.
type HostKeyError struct {
	Kind Kind
	Host string        // the host as known_hosts names it
	Key  ssh.PublicKey // what the host presented; of a certificate that was not accepted, its key

	// File and Line say where the known_hosts entry is that speaks against the
	// key, and Known is the key in it. They are not set if Kind is Unknown. Of
	// a file of RevokedHostKeys only its name is.
	File  string
	Line  int
	Known ssh.PublicKey

	Declined  bool // the user was asked and did not accept the key
	Tolerated bool // the policy is to go on, but to give this host no password or answer that it could pass on

	userFile string // where a key would be added; empty if nowhere
}

// Error says in one line what is wrong.
func (e *HostKeyError) Error() string {
	presented := typeName(e.Key) + " host key"
	switch {
	case e.Kind == Changed:
		return fmt.Sprintf("the %s of %s has changed: %s:%d has another key", presented, e.Host, e.File, e.Line)
	case e.Kind == Revoked && e.Line == 0:
		return fmt.Sprintf("the %s of %s is revoked by %s", presented, e.Host, e.File)
	case e.Kind == Revoked:
		return fmt.Sprintf("the %s of %s is marked as revoked in %s:%d", presented, e.Host, e.File, e.Line)
	case e.Declined:
		return fmt.Sprintf("the %s of %s was not accepted", presented, e.Host)
	default:
		return fmt.Sprintf("no %s is known for %s", presented, e.Host)
	}
}

// Warning returns what ssh prints for e, in several lines, without the end of
// the last and without the line "Host key verification failed." It is empty if
// the user has declined the key.
func (e *HostKeyError) Warning() string {
	var lines []string
	switch {
	case e.Kind == Changed:
		lines = e.changedLines()
	case e.Kind == Revoked && e.Line == 0:
		lines = []string{fmt.Sprintf("Host key %s %s revoked by file %s", typeName(e.Key), ssh.FingerprintSHA256(plainKey(e.Key)), e.File)}
	case e.Kind == Revoked:
		lines = e.revokedLines()
	case e.Declined:
	case e.userFile == "":
		lines = []string{fmt.Sprintf("No %s host key is known for %s and there is no file to add it to.",
			typeName(e.Key), e.Host)}
	default:
		lines = []string{fmt.Sprintf("No %s host key is known for %s and you have requested strict checking.",
			typeName(e.Key), e.Host)}
	}
	if e.Tolerated {
		lines = append(lines,
			"Password authentication is disabled to avoid man-in-the-middle attacks.",
			"Keyboard-interactive authentication is disabled to avoid man-in-the-middle attacks.")
	}
	return strings.Join(lines, "\n")
}

func (e *HostKeyError) changedLines() []string {
	userFile := e.userFile
	if userFile == "" {
		userFile = e.File
	}
	lines := []string{
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
		"@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
		"IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!",
		"Someone could be eavesdropping on you right now (man-in-the-middle attack)!",
		"It is also possible that a host key has just been changed.",
		fmt.Sprintf("The fingerprint for the %s key sent by the remote host is", typeName(e.Key)),
		ssh.FingerprintSHA256(e.Key) + ".",
		"Please contact your system administrator.",
		fmt.Sprintf("Add correct host key in %s to get rid of this message.", userFile),
		fmt.Sprintf("Offending %s key in %s:%d", typeName(e.Known), e.File, e.Line),
	}
	if !strings.HasPrefix(e.File, commandTag) {
		lines = append(lines, "  remove with:", fmt.Sprintf(`  ssh-keygen -f "%s" -R "%s"`, e.File, e.Host))
	}
	if !e.Tolerated {
		lines = append(lines, fmt.Sprintf("Host key for %s has changed and you have requested strict checking.", e.Host))
	}
	return lines
}

func (e *HostKeyError) revokedLines() []string {
	lines := []string{
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
		"@       WARNING: REVOKED HOST KEY DETECTED!               @",
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
		fmt.Sprintf("The %s host key for %s is marked as revoked.", typeName(e.Key), e.Host),
		"This could mean that a stolen key is being used to",
		"impersonate this host.",
	}
	if !e.Tolerated {
		lines = append(lines, fmt.Sprintf("%s host key for %s was revoked and you have requested strict checking.",
			typeName(e.Key), e.Host))
	}
	return lines
}
