package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Config says how a [Tunnel] connects, whom it asks and whom it tells.
type Config struct {
	Hops []Hop // required; the last is the destination

	// HostKeys returns how to verify h's host key and which host key
	// algorithms to ask for, most preferred first. It is called once for each
	// connection attempt, so files are read afresh. The tunnel calls verify
	// once for each connection, at its first key exchange; later exchanges
	// must bring the same key. An error of verify that wraps [ErrUnverified]
	// lets the connection go on without password and keyboard-interactive
	// authentication, as ssh does after StrictHostKeyChecking=no met a changed
	// key. One that wraps [ErrUndecided] does not end the tunnel. Required.
	HostKeys func(h Hop) (verify ssh.HostKeyCallback, algorithms []string, err error)

	// Ask puts a question to the user and returns the answer; echo says
	// whether the answer may be seen while it is typed. Time limits stand
	// still meanwhile. If nil, there is nobody to ask. An error ends the
	// connection attempt.
	Ask func(ctx context.Context, question string, echo bool) (string, error)

	// Observe, if not nil, is told what happens, one call at a time. It must
	// not block.
	Observe func(Event)

	// Stderr is the standard error of ProxyCommands; if nil, it is discarded.
	Stderr *os.File

	// Dial connects to a first hop that has no ProxyCommand; if nil, a
	// [net.Dialer] does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// An EventKind says what an [Event] tells.
type EventKind int

const (
	Connecting EventKind = iota // a connection attempt begins
	Up                          // connected: the tunnel can be used
	Down                        // the connection was lost; Err says why
	Waiting                     // an attempt failed with Err; the next is after Wait
	Warning                     // something a person should know, in Err
	Banner                      // the server's banner, in Text
)

// An Event is something that happened to the SSH connection.
type Event struct {
	Kind EventKind
	Hop  Hop           // the hop concerned; the destination if none in particular
	Err  error         // for Down, Waiting, Warning
	Text string        // for Banner; for Up, what was negotiated
	Wait time.Duration // for Waiting
}

// ErrClosed is the cause when [Tunnel.Close] ended something.
var ErrClosed = errors.New("tunnel closed")

// ErrLost is wrapped by every error that the loss of the SSH connection
// causes, on whatever was carried through it.
var ErrLost = errors.New("SSH connection lost")

// ErrUnverified may be wrapped by the verify function of [Config].HostKeys: the
// key is not to be trusted, but the user's policy is to go on.
var ErrUnverified = errors.New("host key not verified")

// ErrUndecided may be wrapped by the errors of [Config].HostKeys and its verify
// function: what it takes to judge the key is not to be had, and may be later.
var ErrUndecided = errors.New("the host key cannot be judged now")

// A HopError reports which hop failed, and doing what.
type HopError struct {
	Hop Hop
	Op  string // "dial", "handshake", "verify host key", "authenticate"
	Err error
}

func (e *HopError) Error() string { return e.Op + " " + e.Hop.String() + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *HopError) Unwrap() error { return e.Err }

// A StrangerError reports that what answered did not introduce itself as an SSH
// server (RFC 4253, 4.2). It may be one all the same, that turns us away.
type StrangerError struct {
	Line string // what it said first
	Err  error  // how the connection ended
}

func (e *StrangerError) Error() string {
	return fmt.Sprintf("answered %q instead of an SSH banner (%v)", e.Line, e.Err)
}

// Unwrap returns Err.
func (e *StrangerError) Unwrap() error { return e.Err }

// An OpenError reports that the gateway, or a jump host, did not open a
// connection or a listener for us although the SSH connection is well.
type OpenError struct {
	Listen     bool   // a listener (tcpip-forward), not a connection (direct-tcpip)
	Address    string // host:port
	Jump       string // the jump host that did not; empty for the gateway
	Prohibited bool   // the gateway's policy forbids it; otherwise it tried and failed
	Err        error
}

func (e *OpenError) Error() string {
	who := "the gateway"
	if e.Jump != "" {
		who = "the jump host " + e.Jump
	}
	switch {
	case e.Listen:
		return who + " refuses to listen on " + e.Address
	case e.Prohibited:
		return who + " forbids connections to " + e.Address
	default:
		return who + " cannot connect to " + e.Address + ": " + e.Err.Error()
	}
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }
