package ftpfwd

import (
	"strings"
	"time"
)

// A Side is one end of a control or data connection, or the forwarder between
// them.
type Side int

const (
	NoSide Side = iota
	Client      // the FTP client
	Server      // the FTP server
	Tunnel      // the forwarder itself
)

// String returns "client", "server", "tunnel", or "" for NoSide.
func (s Side) String() string { return [...]string{"", "client", "server", "tunnel"}[s] }

// An EventKind says what an [Event] reports.
type EventKind int

const (
	SessionOpened   EventKind = iota // a client was accepted
	LoggedIn                         // the server accepted the login of Event.User
	TransferStarted                  // a transfer command went to the server; Transfer.Moved returns the bytes so far
	TransferEnded                    // a transfer succeeded or failed; a success may be reported up to a second late
	SessionClosed                    // the control connection is closed; Err is nil if one side closed it
	LinePassed                       // a line of a control connection; see Line
	Warned                           // something that may need attention; see Warning, Text and Err
	Changed                          // the server replied to a command that changes files without a transfer; see Change
)

// An Event is something that happened in a session. Logs, progress, metrics
// and transfer logs are views of the same events. What a client has sent as a
// secret is in none: a text of the server's that repeats one is left out. Only
// errors that Err wraps may have it in their texts.
type Event struct {
	Kind     EventKind
	Time     time.Time
	Session  int64  // unique in the process, counts from 1
	Client   string // the client's address and port
	Listener string // the address and port that the client connected to
	Server   string // host:port of the FTP server, as [Forwarder].Server or the login names it; empty before that
	Gateway  string // the [Route]'s name; empty before the server is connected
	User     string // the argument of USER, once the server has accepted the login; of LoginRefused, that of the login

	Transfer Transfer // of TransferStarted and TransferEnded
	Line     Line     // of LinePassed
	Change   Change   // of Changed
	Warning  Warning  // of Warned
	Text     string   // of Warned: what happened, in a few words
	Err      error    // of SessionClosed and Warned: the cause, if there is one
}

// A Warning is a kind of [Warned] event. Its text is stable, for counting.
type Warning string

const (
	ClientRejected    Warning = "client_rejected"    // a control connection was refused: wrong user, or too many clients
	TargetRejected    Warning = "target_rejected"    // a login named a server that it may not use
	ServerUnreachable Warning = "server_unreachable" // no control connection to the server
	ServerHungUp      Warning = "server_hung_up"     // the server closed the control connection without a 221 or 421
	LoginRefused      Warning = "login_refused"      // the server refused a user name or a password; Err is a *LoginError
	NotFTP            Warning = "not_ftp"            // one side does not speak FTP in clear
	TLSRequired       Warning = "tls_required"       // the server refuses to work without TLS
	ForeignAddress    Warning = "foreign_address"    // a 227 names another host than the one that is dialled
	MethodReplaced    Warning = "method_replaced"    // data connections are opened with another command than the client's
	NoDataConnection  Warning = "no_data_connection" // no data connection could be opened
	DataRejected      Warning = "data_rejected"      // a data connection came from another host or user than the client or server
	InternalError     Warning = "internal_error"     // a session was closed because of a fault of the program
)

// Warnings are all kinds of warnings.
var Warnings = []Warning{
	ClientRejected, TargetRejected, ServerUnreachable, ServerHungUp, LoginRefused, NotFTP, TLSRequired,
	ForeignAddress, MethodReplaced, NoDataConnection, DataRejected, InternalError,
}

// A Direction says which way a transfer's data goes.
type Direction string

const (
	Download Direction = "download" // from the server to the client
	Upload   Direction = "upload"   // from the client to the server
)

// A Transfer is one transfer command and its result.
type Transfer struct {
	Number       int64  // counts from 1 in its session
	Command      string // RETR, STOR, LIST ...
	File         string // the command's argument
	Path         string // the file's full path on the server, if the working directory is known; else empty
	Direction    Direction
	Type         string // the argument of the last TYPE that the server accepted, such as A or I; A if there was none
	Mode         string // likewise of MODE: S, B, C or Z
	Method       string // the client's command that opened the data connection: EPSV, PASV, EPRT, PORT; empty if none did
	ServerMethod string // the command that the server received for it
	Bytes        int64  // that arrived at the receiving side, once the transfer has ended
	Duration     time.Duration
	Reply        int   // the code of the final reply that the client received; 0 if none
	Blame        Side  // where it failed; NoSide if it succeeded
	Err          error // why it failed; nil if it succeeded

	Moved func() int64 // returns the bytes that have arrived so far; may be called at any time, from any goroutine
}

// MovesFile reports whether t transfers a file, not a listing.
func (t Transfer) MovesFile() bool {
	switch strings.ToUpper(t.Command) {
	case "RETR", "STOR", "STOU", "APPE":
		return true
	}
	return false
}

// A Change is a command that changes files or directories on the server without
// a transfer, such as DELE, and the server's reply.
type Change struct {
	Command string // DELE, RNFR, RNTO, MKD, RMD, SITE ...
	File    string // the command's argument
	Path    string // its full path on the server, if the working directory is known; else empty
	Reply   int    // the code of the final reply; 4yz and 5yz are failures
	Text    string // the reply's first line
}

// A Line is one line of a control connection, as it was received and as it was
// sent on. Passwords are left out, and the text of a line that repeats one.
type Line struct {
	From     Side // Tunnel for a line of the forwarder's own
	To       Side // Tunnel for a line that the forwarder answers
	Received string
	Sent     string // empty if nothing was sent on
}
