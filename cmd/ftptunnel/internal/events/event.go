// Package events joins the events of FTP sessions, of SSH connections and of the
// choice between gateways in one stream. The log is a view of it; so are metrics,
// transfer logs and status pages.
//
// [Stream.Publish] never blocks. Each observer has a queue with a limit: if it is
// slow, events are dropped, and it gets an event with their number.
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
	Changed

	// Of an SSH connection; see the event kinds of package tunnel.
	Connecting
	Connected
	ConnectionLost
	ConnectFailed // with Err; the next attempt is after Wait
	SSHWarning
	Banner
	CommandOutput // what a ProxyCommand wrote to its standard error, a line in Text
	HostKeyNotice // what ssh prints about a host key, in Text

	// Of a group of gateways.
	GatewaySelected // new sessions use Gateway; Err is why Previous was given up, if it was
	GatewaySkipped  // at the start: no FTP server answers through Gateway, because of Err
	GatewayNotBack  // the same for a gateway that was tried again; the next try is after Wait
	GatewayGivenUp  // Gateway is not tried again: Err is permanent
	GatewayFailed   // of serve: Err is permanent, and Gateway is tried again after Wait

	// Of the ssh configuration, when it is read again.
	ConfigChanged    // new sessions of Gateway use the new configuration
	ConfigUnchanged  // Gateway is configured as before
	ConfigRejected   // the new configuration is invalid, because of Err
	ConfigUnworkable // no connection with the new configuration, because of Err

	// Of the configuration file, when it is read again.
	TunnelAdded   // Tunnel serves clients
	TunnelChanged // Tunnel serves new clients with changed settings
	TunnelRemoved // Tunnel serves no new clients
	FileUnchanged // no tunnel has changed
	FileRejected  // nothing was changed, because of Err

	// Of the program.
	PortExposed    // other hosts can connect to Listener
	Stopping       // no more clients are accepted; transfers may take Wait to finish
	ClientsRemain  // the command of run has ended, and Count clients are connected; Transfers run
	Summary        // what the command of run has transferred, in Text
	ServeFailed    // forwarding ended with Err
	Failed         // the program, or the command of run, ends with Err
	RecordFailed   // transfers cannot be recorded in the file Path, because of Err
	RecordsResumed // they are again; Count of them are missing
	EventsDropped  // Count events were dropped, because this observer's queue was full
)

// An Event reports that something happened. Fields that do not apply are zero.
type Event struct {
	Kind Kind
	Time time.Time // when it happened; if zero, when it was published

	Tunnel   string // its name in the configuration file
	Session  int64  // unique in the process
	Client   string // the client's address and port
	Listener string // the address and port that the client connected to
	Server   string // host:port of the FTP server
	Gateway  string // as the user named it
	User     string // of the FTP server, once it has accepted the login

	Transfer  ftpfwd.Transfer // of TransferStarted and TransferEnded
	Line      ftpfwd.Line     // of LinePassed
	Change    ftpfwd.Change   // of Changed
	Warning   string          // of Warned and SSHWarning: its class, in snake_case
	Host      string          // of events of SSH connections: the SSH server concerned, user@host
	Previous  string          // of GatewaySelected: the previous gateway, if there was one
	Text      string          // of Warned, Banner, CommandOutput and HostKeyNotice; of Connected: version and algorithms
	Err       error           // the cause, if there is one
	Wait      time.Duration   // of ConnectFailed, GatewayFailed, GatewayNotBack, Stopping and ClientsRemain
	Count     int64           // of EventsDropped, RecordsResumed and ClientsRemain
	Transfers int             // of ClientsRemain
	Path      string          // of RecordFailed and RecordsResumed
}

// sessionKinds maps the kinds of package ftpfwd.
var sessionKinds = map[ftpfwd.EventKind]Kind{
	ftpfwd.SessionOpened:   SessionOpened,
	ftpfwd.LoggedIn:        LoggedIn,
	ftpfwd.TransferStarted: TransferStarted,
	ftpfwd.TransferEnded:   TransferEnded,
	ftpfwd.SessionClosed:   SessionClosed,
	ftpfwd.LinePassed:      LinePassed,
	ftpfwd.Warned:          Warned,
	ftpfwd.Changed:         Changed,
}

// tunnelKinds maps the kinds of package tunnel.
var tunnelKinds = map[tunnel.EventKind]Kind{
	tunnel.Connecting: Connecting,
	tunnel.Up:         Connected,
	tunnel.Down:       ConnectionLost,
	tunnel.Waiting:    ConnectFailed,
	tunnel.Warning:    SSHWarning,
	tunnel.Banner:     Banner,
	tunnel.Output:     CommandOutput,
}

// OfSession converts an event of an FTP session.
func OfSession(e ftpfwd.Event) Event {
	return Event{
		Kind: sessionKinds[e.Kind], Time: e.Time,
		Session: e.Session, Client: e.Client, Listener: e.Listener, Server: e.Server, Gateway: e.Gateway, User: e.User,
		Transfer: e.Transfer, Line: e.Line, Change: e.Change, Warning: string(e.Warning), Text: e.Text, Err: e.Err,
	}
}

// OfTunnel converts an event of gateway's SSH connection.
func OfTunnel(gateway string, e tunnel.Event) Event {
	return Event{
		Kind: tunnelKinds[e.Kind], Gateway: gateway, Host: e.Hop.String(),
		Warning: string(e.Warning), Text: e.Text, Err: e.Err, Wait: e.Wait,
	}
}
