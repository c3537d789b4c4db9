package knownhosts

import (
	"fmt"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"
)

// A Verifier checks host keys. Set its fields before the first call and leave
// them unchanged after it. The zero Verifier refuses every key.
//
// Its methods may be called from several goroutines at once if Command, Ask and
// Warn may.
type Verifier struct {
	// UserFiles and GlobalFiles are paths of known_hosts files. Those of the
	// user are read first. A missing file counts as empty; one that cannot be
	// read is skipped with a warning. New keys are added to the first of
	// UserFiles. If UserFiles is empty, unknown keys are refused under every
	// policy.
	UserFiles, GlobalFiles []string

	// RevokedFiles are the files of RevokedHostKeys: public keys, one on each
	// line, or OpenSSH key revocation lists. Their keys are refused for every
	// host under every policy. If one is missing or cannot be read, Verify
	// returns an error for every key.
	RevokedFiles []string

	// Command, if not nil, runs KnownHostsCommand and returns its output, lines
	// in the format of known_hosts files. Algorithms calls it with the invocation
	// "ORDER", the host name without the port, and a nil key; Verify with the
	// invocation "HOSTNAME", the name to look up, and the key to check. In
	// ssh_config(5), invocation is the token %I and host is %H.
	Command func(invocation, host string, key ssh.PublicKey) (lines []byte, err error)

	// SignatureAlgorithms are the CASignatureAlgorithms: the algorithms allowed
	// for the signature of a host certificate. If empty, they are those that
	// OpenSSH allows by default.
	SignatureAlgorithms []string

	Policy Policy // what to do with unknown keys
	Hash   bool   // HashKnownHosts: hash the names of added keys

	// Ask shows question to the user, unchanged, and returns the line that the
	// user typed. It is called again, with another question, until the answer
	// is one of those expected. If nil, the policy [Ask] acts as [Strict].
	Ask func(question string) (answer string, err error)

	// Warn, if not nil, is called with messages for the user that do not change
	// the result: a skipped file or line, a certificate that is not accepted,
	// a key that was added. A message is one line without a prefix.
	Warn func(message string)
}

// Verify returns nil if key is trusted as a host key of host. Otherwise it
// returns a [*HostKeyError], or another error if a file of RevokedFiles cannot
// be read or if Command or Ask fails. If the policy accepts an unknown key,
// Verify adds it to the first of UserFiles; a failure to write it is reported
// to Warn only.
//
// The question to the user contains remote, the address of the connection. It
// may be nil, or an unspecified address, if the address is not known.
//
// Package golang.org/x/crypto/ssh calls a HostKeyCallback at every key exchange
// of a connection, not only at the first. A callback that calls Verify each time
// may therefore ask again.
func (v *Verifier) Verify(host Host, remote net.Addr, key ssh.PublicKey) error {
	if err := v.checkRevoked(host, key); err != nil {
		return err
	}
	files := readFiles(v.files(), v.warn)
	printed, err := v.command("HOSTNAME", host.name(), key)
	if err != nil {
		return err
	}
	c := checker{
		database:            append(slices.Clip(files), printed.matching(host.name())...),
		principal:           host.principal(),
		signatureAlgorithms: v.SignatureAlgorithms,
		warn:                v.warn,
	}
	if len(c.signatureAlgorithms) == 0 {
		c.signatureAlgorithms = plainAlgorithms
	}
	r := c.check(host.name(), host.bareName(), key)
	switch {
	case r.status == trusted:
		return nil
	case r.status == unknown && len(v.UserFiles) > 0:
		otherNames := files.otherNames(r.name, r.key)
		return v.applyPolicy(r, question(r, addressOf(host, remote), otherNames))
	default:
		return v.refusal(r)
	}
}

// applyPolicy accepts or refuses the unknown key of r, after asking question if
// the policy is Ask. It adds an accepted key to the first of UserFiles.
func (v *Verifier) applyPolicy(r result, question string) error {
	switch {
	case v.Policy == AcceptNew, v.Policy == Off:
	case v.Policy == Ask && v.Ask != nil:
		accepted, err := v.confirm(question, ssh.FingerprintSHA256(r.key))
		if err != nil {
			return fmt.Errorf("ask about the host key of %s: %w", r.name, err)
		}
		if !accepted {
			refusal := v.refusal(r)
			refusal.Declined = true
			return refusal
		}
	default:
		refusal := v.refusal(r)
		refusal.Unasked = v.Policy == Ask
		return refusal
	}
	v.addKey(r.name, r.key)
	return nil
}

// refusal returns the error for r, whose key is not trusted.
func (v *Verifier) refusal(r result) *HostKeyError {
	e := &HostKeyError{Host: r.name, Key: r.key}
	if len(v.UserFiles) > 0 {
		e.userFile = v.UserFiles[0]
	}
	switch r.status {
	case changedKey:
		e.Kind = Changed
	case revokedKey:
		e.Kind = Revoked
	default:
		return e
	}
	e.File, e.Line, e.Known = r.offending.file, r.offending.line, r.offending.key
	e.Tolerated = v.Policy == Off
	return e
}

// commandFile and the invocation are the file name of entries that Command
// returned, as in the messages of ssh.
const commandFile = "KnownHostsCommand-"

// command returns the entries that Command returns. If Command is nil, there are
// none.
func (v *Verifier) command(invocation, host string, key ssh.PublicKey) (database, error) {
	if v.Command == nil {
		return nil, nil
	}
	lines, err := v.Command(invocation, host, key)
	if err != nil {
		return nil, fmt.Errorf("run KnownHostsCommand: %w", err)
	}
	return parse(commandFile+invocation, string(lines), v.warn), nil
}

func (v *Verifier) files() []string { return slices.Concat(v.UserFiles, v.GlobalFiles) }

func (v *Verifier) warn(message string) {
	if v.Warn != nil {
		v.Warn(message)
	}
}
