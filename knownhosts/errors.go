package knownhosts

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A Kind is the reason why a host key is not trusted.
type Kind int

const (
	Unknown Kind = iota // no key of the host is known
	Changed             // other keys of the host are known, but not this one
	Revoked             // the key is revoked
)

// A HostKeyError reports a host key that is not trusted. Error describes it in
// one line; [HostKeyError.Warning] returns the text that ssh prints.
type HostKeyError struct {
	Kind Kind
	Host string        // the host as in known_hosts files: name, [name]:port or alias
	Key  ssh.PublicKey // the key presented; for a certificate that is not accepted, the certified key

	// File and Line, counted from 1, are the position of the known_hosts line
	// that has another key or that revokes the key, and Known is the key in it.
	// They are zero if Kind is Unknown. If a file of RevokedFiles revokes the
	// key, only File is set. For a line of KnownHostsCommand, File is
	// "KnownHostsCommand-HOSTNAME".
	File  string
	Line  int
	Known ssh.PublicKey

	Declined bool // the user was asked and did not accept the key
	Unasked  bool // the policy is Ask, and there is nobody to ask

	// Tolerated is set if the policy is Off and a known_hosts line makes the key
	// changed or revoked. In this case ssh continues with password and
	// keyboard-interactive authentication disabled, so that a man in the middle
	// learns no secret. The caller decides whether to do the same.
	Tolerated bool

	userFile string // the first of UserFiles; empty if there is none
}

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
	case e.Unasked:
		return fmt.Sprintf("no %s is known for %s, and nobody can be asked whether to trust %s", presented, e.Host, ssh.FingerprintSHA256(plainKey(e.Key)))
	default:
		return fmt.Sprintf("no %s is known for %s", presented, e.Host)
	}
}

// Warning returns the text that ssh prints for e, without its last line, "Host
// key verification failed." The text may have several lines and does not end in a
// newline. It is empty if Declined or Unasked is set.
func (e *HostKeyError) Warning() string {
	var lines []string
	switch {
	case e.Kind == Changed:
		lines = e.changedLines()
	case e.Kind == Revoked && e.Line == 0:
		lines = []string{fmt.Sprintf("Host key %s %s revoked by file %s", typeName(e.Key), ssh.FingerprintSHA256(plainKey(e.Key)), e.File)}
	case e.Kind == Revoked:
		lines = e.revokedLines()
	case e.Declined, e.Unasked:
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
	if !strings.HasPrefix(e.File, commandFile) {
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
