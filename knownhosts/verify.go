package knownhosts

import (
	"crypto/rand"
	"crypto/sha1"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A Policy says what to do with the key of a host that has none on file. No
// policy trusts a key that has changed or is revoked, but [Off] tolerates it.
type Policy int

const (
	Ask       Policy = iota // ask the user, and remember a key that is accepted
	Strict                  // refuse it
	AcceptNew               // trust and remember it
	Off                     // the same, and tolerate keys that are changed or revoked
)

// ParsePolicy parses a value of StrictHostKeyChecking as ssh_config(5) knows it
// or as "ssh -G" prints it: "ask", "yes" or "true", "accept-new", and "no",
// "off" or "false".
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

// A Host says under which name a host is looked up.
type Host struct {
	Name  string // a host name or address, without brackets
	Port  int    // if zero, 22
	Alias string // HostKeyAlias: stands for name and port; may be empty
}

// name returns the name under which known_hosts knows h.
func (h Host) name() string {
	if h.Alias != "" {
		return lower(h.Alias)
	}
	return withPort(lower(h.Name), h.Port)
}

// bareName returns the name under which to look if name is unknown. It is empty
// if there is none.
func (h Host) bareName() string {
	if h.Alias != "" || h.name() == lower(h.Name) {
		return ""
	}
	return lower(h.Name)
}

// principal returns the name that a certificate of h must be made out to.
func (h Host) principal() string {
	if h.Alias != "" {
		return lower(h.Alias)
	}
	return lower(h.Name)
}

// withPort returns name and port as known_hosts has them together.
func withPort(name string, port int) string {
	if port == 0 || port == 22 {
		return name
	}
	return "[" + name + "]:" + strconv.Itoa(port)
}

// A Verifier judges host keys. Set its fields before use; the zero value
// refuses every key. Its methods may be called from several goroutines if its
// functions may.
type Verifier struct {
	// UserFiles and GlobalFiles are the known_hosts files, the user's first. A
	// missing one is empty. New keys are written to the first of UserFiles; if
	// there is none, the key of an unknown host is refused under every policy.
	UserFiles, GlobalFiles []string

	// RevokedFiles are files of keys not to accept from any host, whatever the
	// policy: public keys, one a line, or key revocation lists of OpenSSH. One
	// that cannot be read, or is missing, has every key refused.
	RevokedFiles []string

	// Command, if not nil, returns lines about host as a known_hosts file has
	// them, beside those of the files. invocation says what for: "ORDER" for
	// the algorithms to ask for, when key is nil, or "HOSTNAME" to judge key.
	Command func(invocation, host string, key ssh.PublicKey) (lines []byte, err error)

	// SignatureAlgorithms are those that the signature of a certificate may
	// be made with; if empty, OpenSSH's default list.
	SignatureAlgorithms []string

	Policy Policy
	Hash   bool // HashKnownHosts: write hashed names

	// Ask puts question to the user, as it stands, and returns what was typed.
	// It may be called again with another question until the answer is clear.
	// If nil, there is nobody to ask and the policy [Ask] acts as [Strict].
	Ask func(question string) (answer string, err error)

	// Warn, if not nil, is told what a person should know although it changes
	// no verdict: lines of files that are skipped, keys that are added.
	Warn func(message string)
}

// Verify returns nil if key may be trusted as the one of host. Otherwise it
// returns a [*HostKeyError], or another error if a file of revocations cannot be
// read or Command or Ask fails. remote is the address connected to, which the
// question names; it may be nil, or an unspecified address, if that is not known.
func (v *Verifier) Verify(host Host, remote net.Addr, key ssh.PublicKey) error {
	if err := v.checkRevoked(host, key); err != nil {
		return err
	}
	db := readFiles(v.files(), v.warn)
	commanded, err := v.command("HOSTNAME", host.name(), key)
	if err != nil {
		return err
	}
	j := judgement{
		database:  append(slices.Clip(db), commanded.about(host.name())...),
		principal: host.principal(),
		signed:    v.SignatureAlgorithms,
		warn:      v.warn,
	}
	if len(j.signed) == 0 {
		j.signed = plainAlgorithms
	}
	r := j.judge(host.name(), host.bareName(), key)
	if r.verdict == trusted {
		return nil
	}
	refusal := v.refusal(r)
	if r.verdict != unknown || len(v.UserFiles) == 0 {
		return refusal
	}
	switch {
	case v.Policy == AcceptNew, v.Policy == Off:
	case v.Policy == Ask && v.Ask != nil:
		others := db.otherNames(r.name, r.key)
		accepted, err := v.confirm(question(r, addressOf(host, remote), others), ssh.FingerprintSHA256(r.key))
		if err != nil {
			return fmt.Errorf("asking about the host key of %s: %w", r.name, err)
		}
		if !accepted {
			refusal.Declined = true
			return refusal
		}
	default:
		return refusal
	}
	v.remember(r.name, r.key)
	return nil
}

// refusal returns the error for r, which is not trusted.
func (v *Verifier) refusal(r result) *HostKeyError {
	e := &HostKeyError{Host: r.name, Key: r.key}
	if len(v.UserFiles) > 0 {
		e.userFile = v.UserFiles[0]
	}
	switch r.verdict {
	case keyChanged:
		e.Kind = Changed
	case keyRevoked:
		e.Kind = Revoked
	default:
		return e
	}
	e.File, e.Line, e.Known = r.entry.file, r.entry.line, r.entry.key
	e.Tolerated = v.Policy == Off
	return e
}

// remember adds key to the first of the user's files. Like ssh it goes on if
// that fails.
func (v *Verifier) remember(name string, key ssh.PublicKey) {
	written := names(name)
	if v.Hash {
		salt := make([]byte, sha1.Size)
		rand.Read(salt) // never fails
		written = hashName(name, salt)
	}
	line, err := formatLine(written, key)
	if err == nil {
		err = appendLine(v.UserFiles[0], line)
	}
	if err != nil {
		v.warn(fmt.Sprintf("Failed to add the host to the list of known hosts (%v).", err))
		return
	}
	v.warn(fmt.Sprintf("Permanently added '%s' (%s) to the list of known hosts.", name, typeName(key)))
}

// commandTag stands for a file's name in entries that Command has returned.
const commandTag = "KnownHostsCommand-"

// command returns the entries that Command has about host.
func (v *Verifier) command(invocation, host string, key ssh.PublicKey) (database, error) {
	if v.Command == nil {
		return nil, nil
	}
	lines, err := v.Command(invocation, host, key)
	if err != nil {
		return nil, fmt.Errorf("KnownHostsCommand failed: %w", err)
	}
	return parse(commandTag+invocation, string(lines), v.warn), nil
}

func (v *Verifier) files() []string { return slices.Concat(v.UserFiles, v.GlobalFiles) }

func (v *Verifier) warn(message string) {
	if v.Warn != nil {
		v.Warn(message)
	}
}

// typeName returns the type of key as ssh prints it.
func typeName(key ssh.PublicKey) string {
	name, suffix := key.Type(), ""
	if cert, ok := key.(*ssh.Certificate); ok {
		name, suffix = cert.Key.Type(), "-CERT"
	}
	switch name {
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		name = "ECDSA"
	case ssh.KeyAlgoSKECDSA256:
		name = "ECDSA-SK"
	case ssh.KeyAlgoSKED25519:
		name = "ED25519-SK"
	case "ssh-dss":
		name = "DSA"
	default:
		name = strings.ToUpper(strings.TrimPrefix(name, "ssh-"))
	}
	return name + suffix
}
