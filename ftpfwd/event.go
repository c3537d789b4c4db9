package ftpfwd

import "time"

// An EventKind says what an [Event] tells.
type EventKind int

const (
	SessionBegan  EventKind = iota // a client has been accepted
	SessionEnded                   // its control connection is over; Err says why, if not by a side closing it
	TransferEnded                  // a transfer is over, well or badly; Transfer tells. A success may come a second late
	Said                           // a line passed on the control connection; Line tells
	Noticed                        // something a person should know; Text tells
)

// An Event is something that happened in a session. Log lines, progress,
// metrics and transfer logs are all views of these.
type Event struct {
	Kind     EventKind
	Session  int    // counts from 1
	Client   string // the client's address and port
	Server   string // the FTP server, as [Forwarder].Server names it
	Transfer Transfer
	Line     Line
	Text     string
	Err      error
}

// A Direction says which way a transfer's data goes.
type Direction string

const (
	Download Direction = "download" // from the server to the client
	Upload   Direction = "upload"   // from the client to the server
)

// A Transfer is one transfer command and what became of it.
type Transfer struct {
	Command    string // RETR, STOR, LIST ...
	File       string // the command's argument
	Direction  Direction
	Mode       string // the client's command that opened the data connection: EPSV, PASV, EPRT, PORT; empty if none did
	ServerMode string // the command that the server was given for it
	Bytes      int64  // of data that arrived at the receiving side
	Duration   time.Duration
	Reply      int    // the code that the client was given at the end; 0 if none
	Leg        string // where it failed: "client", "server", or "tunnel" if that was told to stop; else empty
	Err        error  // why it failed; nil if it did not
}

// A Line is one line of a control connection as one side said it and the other
// heard it. Passwords are left out.
type Line struct {
	From  string // "client", "server", or "tunnel" for a line of our own
	To    string // "client" or "server"
	Said  string
	Heard string // what went on; empty if nothing did
}
