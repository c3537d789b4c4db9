package tunnel

import "time"

// An EventKind is the kind of an [Event]. The comment of each kind names the
// fields of the event that are set, besides Kind and Hop.
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
	// continues. Err has the details. The same problem with a key, a
	// certificate or an agent is reported once for each tunnel.
	Warning

	// Banner: the server sent Text for the user to read, before or during
	// authentication (RFC 4252, section 5.4, and RFC 4256, section 3.2). It may
	// contain control characters.
	Banner
)

// An Event reports a change of the SSH connection. It has no time: the receiver
// may take its own.
type Event struct {
	Kind EventKind
	Hop  Hop           // for Warning and Banner, the hop concerned; otherwise the gateway
	Err  error         // for Down, Waiting and Warning
	Text string        // for Up and Banner
	Wait time.Duration // for Waiting
}
