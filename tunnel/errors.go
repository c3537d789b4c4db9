package tunnel

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

var (
	// ErrClosed is the cause of every error that [Tunnel.Close] leads to. Its
	// method ClosedByOwner returns true, for packages that do not know this one.
	ErrClosed error = closedError{}

	// ErrLost is wrapped by every error that the loss of the SSH connection
	// causes: of DialContext, Listen, Accept, Read and Write.
	ErrLost = errors.New("SSH connection lost")

	// ErrUnverified may be wrapped by the verify function of [Config].HostKeys:
	// the host key is not trusted, but the configuration allows the connection.
	ErrUnverified = errors.New("host key not verified")

	// ErrUndecided may be wrapped by the errors of [Config].HostKeys and its
	// verify function: the host key cannot be verified now, but a later attempt
	// may succeed.
	ErrUndecided = errors.New("host key cannot be verified now")
)

// A closedError is the type of [ErrClosed].
type closedError struct{}

func (closedError) Error() string { return "tunnel closed" }

// ClosedByOwner reports that nothing has failed: the tunnel was closed.
func (closedError) ClosedByOwner() bool { return true }

// The values of [HopError].Op, in the order in which a connection to a hop is
// made.
const (
	OpDial         = "dial"            // the TCP connection, ProxyCommand or channel of a jump host
	OpHandshake    = "handshake"       // version exchange and key exchange (RFC 4253)
	OpVerify       = "verify host key" // [Config].HostKeys
	OpAuthenticate = "authenticate"    // user authentication (RFC 4252)
)

// A HopError reports which hop could not be connected to, and at which step.
type HopError struct {
	Hop Hop
	Op  string // one of the constants above
	Err error
}

func (e *HopError) Error() string { return e.Op + " " + e.Hop.String() + ": " + e.Err.Error() }

// Unwrap returns e.Err.
func (e *HopError) Unwrap() error { return e.Err }

// A SilentError reports that the connection was given up because the server had
// been silent for so long. It comes wrapped together with ErrLost.
type SilentError struct {
	Limit time.Duration // for how long nothing had been received
	Never bool          // whether the server has never answered a keepalive, on this connection or an earlier one
}

func (e *SilentError) Error() string { return fmt.Sprintf("no answer for %v", e.Limit) }

// A NotSSHError reports that the server sent something other than an SSH
// identification string (RFC 4253, section 4.2). It may still be an SSH server:
// one that rejects the connection for now.
type NotSSHError struct {
	Line string // the first line that the server sent, at most 80 bytes
	Err  error  // how the connection ended
}

func (e *NotSSHError) Error() string {
	if e.Err == errStranger {
		return fmt.Sprintf("answered %q instead of an SSH banner", e.Line)
	}
	return fmt.Sprintf("answered %q instead of an SSH banner (%v)", e.Line, e.Err)
}

// Unwrap returns e.Err.
func (e *NotSSHError) Unwrap() error { return e.Err }

// An OpenError reports that the gateway or a jump host rejected a direct-tcpip
// channel (RFC 4254, section 7.2) or a tcpip-forward request (section 7.1). The
// SSH connection is not affected.
type OpenError struct {
	Listen     bool   // whether the request was tcpip-forward, not direct-tcpip
	Address    string // host:port
	Jump       string // the jump host that rejected it; empty for the gateway
	Prohibited bool   // whether a policy of the server forbids the channel; if false, the server could not connect
	Err        error
}

func (e *OpenError) Error() string {
	server := "the gateway"
	if e.Jump != "" {
		server = "the jump host " + e.Jump
	}
	switch {
	case e.Listen:
		return server + " refuses to listen on " + e.Address
	case e.Prohibited:
		return server + " forbids connections to " + e.Address
	default:
		return server + " cannot connect to " + e.Address + ": " + e.Err.Error()
	}
}

// Unwrap returns e.Err.
func (e *OpenError) Unwrap() error { return e.Err }

// Permanent reports whether err, an error of [Open] or of [Tunnel.Err], needs a
// change of configuration or of the server: a rejected host key, rejected
// authentication, a prompt without an answer, or no common algorithm. A tunnel
// does not connect again after such an error. In particular, it does not repeat
// a rejected authentication, since servers count these.
func Permanent(err error) bool {
	if hop, ok := errors.AsType[*HopError](err); ok && hop.Op == OpVerify {
		return !errors.Is(err, ErrUndecided)
	}
	if _, ok := errors.AsType[*AuthError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*promptError](err); ok {
		return true
	}
	_, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	return ok
}
