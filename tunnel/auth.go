package tunnel

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Authentication methods (RFC 4252, and RFC 4256 for keyboard-interactive).
const (
	publicKey   = "publickey"
	interactive = "keyboard-interactive"
	password    = "password"
)

// methodOrder is OpenSSH's order of the implemented methods.
var methodOrder = []string{publicKey, interactive, password}

// An AuthError reports that the server accepted none of the keys and other
// credentials that were available, or never said which methods it allows.
type AuthError struct {
	Allowed []string // the methods with which the server lets the client continue
	Tried   []string // what the server rejected: keys by file name or agent comment, and methods
	Locked  []string // key files that were not offered: they need a passphrase, and prompts are disabled
	Err     error    // why the server closed the connection, if it did, or why Allowed is empty
}

// Error returns the text of ssh, and names the keys that were not offered.
func (e *AuthError) Error() string {
	if len(e.Allowed) == 0 && e.Err != nil {
		return "authentication failed: " + e.Err.Error()
	}
	text := "Permission denied (" + strings.Join(e.Allowed, ",") + ")"
	switch {
	case e.Err != nil:
		return text + ": " + e.Err.Error()
	case len(e.Locked) > 0:
		return text + ": not offered, for want of a passphrase: " + strings.Join(e.Locked, ", ")
	}
	return text + "."
}

// Unwrap returns e.Err.
func (e *AuthError) Unwrap() error { return e.Err }

// An authenticator authenticates the user in one handshake (RFC 4252), as ssh
// does. Package ssh calls nextMethod for each attempt. Each key is an attempt of its
// own, so that one that cannot sign does not prevent the others.
type authenticator struct {
	ctx       context.Context // of the connection attempt: callbacks of package ssh have none
	tunnel    *Tunnel
	hop       Hop
	transport *transport
	timeout   *handshakeTimeout
	agent     *agentConn // nil if there is none

	unverified bool // the host key is not verified: send no secrets
	collected  bool // identities is set
	identities []*identity
	next       int // index of the identity to offer next

	passwords, challenges int  // attempts with these methods
	prompted              bool // whether keyboard-interactive led to a prompt

	began    bool     // nextMethod was called
	allowed  []string // see AuthError
	tried    []string
	locked   []string // see AuthError
	rejected int      // attempts that the server rejected
	partial  int      // attempts that the server accepted as one of several factors
	aborted  error    // why no further attempt is made
}

func newAuthenticator(ctx context.Context, t *Tunnel, h *handshake) *authenticator {
	return &authenticator{ctx: ctx, tunnel: t, hop: h.hop, transport: h.transport, timeout: h.timeout}
}

func (a *authenticator) close() {
	if a.agent != nil {
		a.agent.Close()
	}
}

// withoutSecrets continues without the methods that send a secret or prompt for
// one, because of err.
func (a *authenticator) withoutSecrets(err error) {
	a.unverified = true
	a.warn(HostKeyWarning, err)
}

func (a *authenticator) warn(kind WarningKind, err error) {
	a.tunnel.observe(Event{Kind: Warning, Hop: a.hop, Warning: kind, Err: err})
}

// warnOnce emits a warning, unless the tunnel has emitted the same before.
func (a *authenticator) warnOnce(kind WarningKind, err error) {
	if warned := a.tunnel.keys.warned; !warned[err.Error()] {
		warned[err.Error()] = true
		a.warn(kind, err)
	}
}

// nextMethod is the [ssh.ClientConfig].AuthCallback.
func (a *authenticator) nextMethod(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	if a.aborted == nil && !a.transport.alive() {
		a.aborted = errProtocolEnded
	}
	if a.aborted != nil {
		return nil, a.aborted
	}
	a.began = true
	a.allowed = c.AllowedMethods
	if len(a.allowed) == 0 {
		// Package ssh knows why: it returns that if no method is left.
		return nil, nil
	}
	a.rejected = len(c.TriedMethods) - 1 // the first is "none"
	if n := len(c.PartialSuccessMethods); n > a.partial {
		a.partial = n
		a.next = 0
	}
	order := methodOrder
	if len(a.hop.PreferredAuthentications) > 0 {
		order = a.hop.PreferredAuthentications
	}
	for _, name := range order {
		if !slices.Contains(a.allowed, name) {
			continue
		}
		if m := a.method(name); m != nil || a.aborted != nil {
			return m, a.aborted
		}
	}
	return nil, a.denied(nil)
}

// method returns an attempt with the method called name, or nil if there is
// none left.
func (a *authenticator) method(name string) ssh.AuthMethod {
	prompts := a.prompts()
	mayAsk := a.mayAsk() && !a.unverified
	switch {
	case name == publicKey && a.hop.PubkeyAuthentication:
		if id := a.nextIdentity(); id != nil {
			a.tried = append(a.tried, id.name)
			return ssh.PublicKeys(id.signer)
		}
	case name == interactive && a.hop.KbdInteractive && mayAsk && a.challenges < prompts:
		// A server that rejected it without a prompt would do so again.
		if a.challenges > 0 && !a.prompted {
			return nil
		}
		a.count(interactive, &a.challenges)
		return ssh.KeyboardInteractive(a.challenge)
	case name == password && a.hop.PasswordAuthentication && mayAsk && a.passwords < prompts:
		a.count(password, &a.passwords)
		return ssh.PasswordCallback(a.password)
	}
	return nil
}

func (a *authenticator) count(method string, attempts *int) {
	if *attempts == 0 {
		a.tried = append(a.tried, method)
	}
	*attempts++
}

// failure returns why authentication failed, given the error of package ssh.
func (a *authenticator) failure(err error) error {
	if a.aborted != nil && a.aborted != errProtocolEnded {
		return a.aborted
	}
	if denied, ok := errors.AsType[*AuthError](err); ok {
		return denied
	}
	cause := a.transport.failure(err)
	if inner := errors.Unwrap(err); a.began && len(a.allowed) == 0 && cause == err && inner != nil {
		return a.denied(inner)
	}
	if a.rejected > 0 && a.aborted == nil && (cause == errClosedByPeer || cause == err) {
		// The server allows no more attempts.
		return a.denied(cause)
	}
	return cause
}

func (a *authenticator) denied(cause error) error {
	return &AuthError{Allowed: a.allowed, Tried: a.tried, Locked: a.locked, Err: cause}
}
