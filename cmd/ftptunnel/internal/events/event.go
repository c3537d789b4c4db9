// Package events carries what happens in the program to those who want to know:
// the log today; metrics, transfer logs and a status page are views of the same
// events.
//
// An [Event] joins the events of FTP sessions, of SSH connections and of the
// choice between gateways into one type. A [Stream] passes events on. It never
// blocks who publishes: an observer that is slow loses events, and learns how
// many.
package events

import (
	"time"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// A Kind says what an [Event] reports. The zero value is none.
type Kind int

const (
	// Of an FTP session; see the event kinds of package ftpfwd.
	SessionOpened Kind = iota + 1
	LoggedIn
	TransferStarted
	TransferEnded
	SessionClosed
	LinePassed
	Warned

	// Of an SSH connection; see the event kinds of package tunnel.
	Connecting
	Connected
	ConnectionLost
	ConnectFailed // with Err; the next attempt is after Wait
	SSHWarning
	Banner
	HostKeyNotice // what ssh prints about a host key, in Text

	// Of gateways, in order of preference.
	GatewaySelected // new sessions use Gateway; Err is why they no longer use Previous
	GatewaySkipped  // Gateway does not lead to the FTP server, for Err; it is tried again later
	GatewayNotBack  // Gateway was tried again and still does not, for Err; the next try is after Wait
	GatewayGivenUp  // Gateway is not tried again: Err needs a change of configuration

	// Of the ssh configuration, when it is read again.
	ConfigChanged    // new sessions of Gateway use the new configuration
	ConfigUnchanged  // Gateway is configured as before
	ConfigRejected   // the configuration cannot be used, for Err
	ConfigUnworkable // there is no connection with the new configuration, for Err

	// Of the program.
	PortExposed // other hosts can connect to Listener
	Stopping    // no more clients are accepted; transfers may take Wait to finish
	ServeFailed // forwarding ended with Err
	EventsLost  // Count events did not reach this observer: its queue was full
)

// An Event is something that happened. Fields that do not apply are empty.
type Event struct {
	Kind Kind
	Time time.Time // when it happened; if zero, when it was published

	Session  int64  // unique in the process
	Client   string // the client's address and port
	Listener string // the address and port that the client connected to
	Server   string // host:port of the FTP server
	Gateway  string // as the user named it
	User     string // of the FTP server, once it has accepted the login

	Transfer ftpfwd.Transfer // of TransferStarted and TransferEnded
	Line     ftpfwd.Line     // of LinePassed
	Warning  ftpfwd.Warning  // of Warned
	Host     string          // the SSH server concerned, user@host; of events of SSH connections
	Previous string          // of GatewaySelected: the gateway before, if there was one
	Text     string          // of Warned, Banner and HostKeyNotice; of Connected: version and algorithms
	Err      error           // the cause, if there is one
	Wait     time.Duration   // of ConnectFailed, GatewayNotBack and Stopping
	Count    int64           // of EventsLost
}

// sessionKinds are the kinds of FTP sessions' events.
var sessionKinds = map[ftpfwd.EventKind]Kind{
	ftpfwd.SessionOpened:   SessionOpened,
	ftpfwd.LoggedIn:        LoggedIn,
	ftpfwd.TransferStarted: TransferStarted,
	ftpfwd.TransferEnded:   TransferEnded,
	ftpfwd.SessionClosed:   SessionClosed,
	ftpfwd.LinePassed:      LinePassed,
	ftpfwd.Warned:          Warned,
}

// tunnelKinds are the kinds of SSH connections' events.
var tunnelKinds = map[tunnel.EventKind]Kind{
	tunnel.Connecting: Connecting,
	tunnel.Up:         Connected,
	tunnel.Down:       ConnectionLost,
	tunnel.Waiting:    ConnectFailed,
	tunnel.Warning:    SSHWarning,
	tunnel.Banner:     Banner,
}

// OfSession returns the event of an FTP session.
func OfSession(e ftpfwd.Event) Event {
	return Event{
		Kind: sessionKinds[e.Kind], Time: e.Time,
		Session: e.Session, Client: e.Client, Listener: e.Listener, Server: e.Server, Gateway: e.Gateway, User: e.User,
		Transfer: e.Transfer, Line: e.Line, Warning: e.Warning, Text: e.Text, Err: e.Err,
	}
}

// OfTunnel returns the event of gateway's SSH connection.
func OfTunnel(gateway string, e tunnel.Event) Event {
	return Event{Kind: tunnelKinds[e.Kind], Gateway: gateway, Host: e.Hop.String(), Text: e.Text, Err: e.Err, Wait: e.Wait}
}
