package ftptest

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A Dialect is how a server differs on the wire from what this one does of its
// own. It is not changed while it is in use, so servers may share one.
//
// Replies are given as they go over the wire, with their codes, the lines
// separated by "\n"; nothing is added but the carriage returns. They may hold
//
//	{verb} {name}      the command and its argument
//	{user} {dir}       who has logged in, and the current directory
//	{text}             what the server itself would have said, without a code
//	{tuple}            h1,h2,h3,h4,p1,p2 of a data listener, or, one by one,
//	{h1} ... {h4} {p1} {p2}
//	{long}             the same for LPSV: 4,4,h1,h2,h3,h4,2,p1,p2
//	{port}             its port
//	{address} {group}  its address, and what follows the last colon in that
type Dialect struct {
	// Greeting is the first reply.
	Greeting string

	// Replies has other words for replies: the key is a command and the code
	// that the server itself would use, as "PASV 227", or the code alone for
	// every command. The reply may have another code, several lines and
	// further replies behind it.
	Replies map[string]string

	// Refused has the replies to commands that are not carried out. The key
	// is a command, "PASV", or one with its argument, "AUTH TLS", in upper
	// case.
	Refused map[string]string

	// OffPort21 is like Refused, for control connections that are not to
	// port 21 of the server.
	OffPort21 map[string]string

	// Masquerade, if valid, is the address told in answer to PASV and LPSV.
	Masquerade netip.Addr

	// PassiveOnIPv6 has PASV listen on IPv6 too, whatever its reply can say.
	PassiveOnIPv6 bool

	// ConnectWithin bounds the wait for a passive data connection once a
	// transfer command has come; half a minute if zero.
	ConnectWithin time.Duration

	// Prompt has the server accept a passive data connection as soon as it
	// comes, and answer a transfer command at once: with 125 if the data
	// connection is open, with 150 if it is not yet. Otherwise the answer
	// is 150 when it is open.
	Prompt bool

	// EarlyConnect has PORT, EPRT and LPRT connect before their 200.
	EarlyConnect bool

	// KeepPort has the address of PORT, EPRT or LPRT serve for all transfers
	// that follow.
	KeepPort bool

	// DefaultPort has the server connect to the port of the control
	// connection's far end if nothing has prepared a data connection, and
	// from the port below that of its near end if it may (RFC 959, 3.2).
	DefaultPort bool

	// Modes are the transmission modes on offer: S (stream), B (block) and Z
	// (deflate), stream alone if empty. In block mode the data connection
	// stays open for the next transfer (RFC 959, 3.3).
	Modes string

	// Busy is the answer to whatever comes during a transfer, but ABOR, STAT
	// and QUIT. If it is empty, commands wait for the end of the transfer.
	Busy string

	// SilentAbort has a transfer that ABOR breaks off end without a reply of
	// its own.
	SilentAbort bool

	// NoPassword has USER log anybody in.
	NoPassword bool

	// Hosts are the only names that HOST accepts; any if empty.
	Hosts []string

	// DOSLists has LIST look as on Windows.
	DOSLists bool

	// BareStatus has the lines of STAT with a path stand as they are, without
	// a blank before them, and with the line feeds that are in names.
	BareStatus bool
}

// reply returns the dialect's words for a reply.
func (d *Dialect) reply(verb string, code int) (text string, ok bool) {
	if text, ok = d.Replies[fmt.Sprintf("%s %d", verb, code)]; !ok {
		text, ok = d.Replies[fmt.Sprint(code)]
	}
	return text, ok
}

// refusal returns the reply to a command that is not carried out by a server
// at port.
func (d *Dialect) refusal(c command, port uint16) (text string, ok bool) {
	full := c.verb + " " + strings.ToUpper(c.argument)
	for _, key := range []string{full, c.verb} {
		if text, ok = d.Refused[key]; !ok && port != 21 {
			text, ok = d.OffPort21[key]
		}
		if ok {
			return text, true
		}
	}
	return "", false
}

func (d *Dialect) hasMode(letter string) bool {
	return len(letter) == 1 && strings.Contains("S"+d.Modes, letter)
}
