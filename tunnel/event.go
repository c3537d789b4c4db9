package tunnel

import "time"

// An EventKind is the kind of an [Event]. The comment of each kind names the
// fields of the event that are set, besides Kind, Gateway and Hop.
type EventKind int

const (
	// Connecting: an attempt to connect to all hops begins.
	Connecting EventKind = iota

	// Up: the attempt succeeded. DialContext and Listen can be used until the
	// next Down. Text lists what was negotiated with the gateway: its version,
	// the key exchange, the host key algorithm and the cipher.
	// [Tunnel.Negotiated] returns the same for each hop.
	Up

	// Down: the SSH connection to some hop was lost, with Err, which wraps
	// ErrLost. Everything opened through the tunnel has ended. The tunnel
	// reconnects. [Tunnel.Close] causes no Down.
	Down

	// Waiting: an attempt to reconnect failed with Err, usually a *HopError.
	// The next attempt begins after Wait, or earlier if the tunnel is used. An
	// attempt with a permanent error, and the attempt that Open makes, cause no
	// Waiting: see [Tunnel.Err].
	Waiting

	// Warning: something does not work as configured, but the attempt
	// continues. Warning is its class and Err the details. The same problem
	// with a key, a certificate or an agent is reported once for each tunnel.
	Warning

	// Banner: the server sent Text for the user to read, before or during
	// authentication (RFC 4252, section 5.4, and RFC 4256, section 3.2). It may
	// contain control characters.
	Banner

	// Output: the ProxyCommand of Hop wrote Text, a line or a part of one, to its
	// standard error. It may contain control characters.
	Output
)

// A WarningKind is the class of a Warning, for views that count or filter
// warnings. Values are in snake_case and may be used as labels.
type WarningKind string

const (
	HostKeyWarning     WarningKind = "host_key"    // the host key is not verified; Err wraps ErrUnverified
	IdentityWarning    WarningKind = "identity"    // a key is not offered; Err may wrap an *IdentityError
	CertificateWarning WarningKind = "certificate" // a user certificate is not offered
	AgentWarning       WarningKind = "agent"       // the ssh-agent cannot be used
	PasswordWarning    WarningKind = "password"    // the server rejected the password; Ask is called again
	RequestWarning     WarningKind = "request"     // the server does not implement a request, which is not sent any more
)

// An Event reports a change of the SSH connection. It has no time: the receiver
// may take its own.
type Event struct {
	Kind    EventKind
	Gateway Hop           // the destination, the last of [Config].Hops
	Hop     Hop           // for Warning, Banner and Output, the hop concerned; otherwise the same as Gateway
	Err     error         // for Down, Waiting and Warning
	Warning WarningKind   // for Warning
	Text    string        // for Up, Banner and Output
	Wait    time.Duration // for Waiting
}
