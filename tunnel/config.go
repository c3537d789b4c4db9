package tunnel

import (
	"context"
	"net"

	"golang.org/x/crypto/ssh"
)

// A Config configures a [Tunnel]. Hops and HostKeys are required. The functions
// may be called from any goroutine, until [Tunnel.Close] has returned.
type Config struct {
	Hops []Hop // in the order in which to connect to them; the last is the destination

	// HostKeys returns the function that verifies the host key of h, and the
	// host key algorithms to negotiate, most preferred first; an empty list
	// means h.HostKeyAlgorithms. The tunnel calls HostKeys once for each attempt
	// to connect to h, and verify once, at the first key exchange of the
	// connection. At later key exchanges the server must have the same key.
	// ConnectTimeout does not include the time that these functions take.
	//
	// If an error of verify wraps [ErrUnverified], the tunnel connects, but
	// without the authentication methods password and keyboard-interactive.
	// That is what ssh does if a host key has changed and StrictHostKeyChecking
	// is "no". If an error of HostKeys or verify wraps [ErrUndecided], the
	// attempt fails and the tunnel tries again. Any other error is permanent.
	HostKeys func(h Hop) (verify ssh.HostKeyCallback, algorithms []string, err error)

	// Ask prompts the user with question and returns the answer; echo reports
	// whether to show the answer while it is typed. Ask must return when ctx is
	// done. ConnectTimeout does not include the time that it takes. An error is
	// permanent. If Ask is nil, no password, passphrase or keyboard-interactive
	// authentication is tried.
	Ask func(ctx context.Context, question string, echo bool) (string, error)

	// Observe, if not nil, receives the events of the tunnel in order, one call
	// at a time. It must not block: the tunnel waits for it, and does not
	// reconnect meanwhile. Nor may it call methods of the tunnel that wait:
	// DialContext, Listen, Ready and Close.
	Observe func(Event)

	// Dial connects to a first hop that has no ProxyCommand. If nil, a
	// [net.Dialer] does, from the hop's BindAddress or BindInterface. The
	// tunnel owns the connection.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}
