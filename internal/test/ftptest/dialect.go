package ftptest

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A Dialect is how a server differs on the wire from the default. Servers do not
// change it, so they may share one.
//
// Replies are written as they are sent, with their codes, in lines separated by
// "\n"; only the carriage returns are added. They may contain
//
//	{verb} {name}      the command and its argument
//	{user} {dir}       the user and the current directory
//	{text}             the default reply, without a code
//	{tuple}            h1,h2,h3,h4,p1,p2 of a data listener, or, one by one,
//	{h1} ... {h4} {p1} {p2}
//	{long}             the same for LPSV: 4,4,h1,h2,h3,h4,2,p1,p2
//	{port}             its port
//	{address} {group}  its address, and what follows the last colon in that
type Dialect struct {
	// Greeting is the first reply.
	Greeting string

	// Replies replaces replies. The key is a command and the default code, such
	// as "PASV 227", or the code alone for every command. The value may have
	// another code and several lines, and be several replies.
	Replies map[string]string

	// Refused has the replies to commands that are not carried out. The key is
	// a command, such as "PASV", or one with its argument, such as "AUTH TLS",
	// in upper case.
	Refused map[string]string

	// OffPort21 is like Refused, for control connections to other ports of the
	// server than 21.
	OffPort21 map[string]string

	// Masquerade, if valid, is the address in the replies to PASV and LPSV.
	Masquerade netip.Addr

	// PassiveOnIPv6 makes PASV listen on IPv6 too, although its reply cannot
	// name the address.
	PassiveOnIPv6 bool

	// ConnectWithin bounds the wait for a passive data connection after a
	// transfer command; zero means half a minute.
	ConnectWithin time.Duration

	// Prompt makes the server accept a passive data connection as soon as it
	// arrives, and answer a transfer command at once: with 125 if the data
	// connection is open, else with 150. By default the server answers with
	// 150 when it is open.
	Prompt bool

	// EarlyConnect makes PORT, EPRT and LPRT connect before their 200.
	EarlyConnect bool

	// KeepPort makes the address of PORT, EPRT or LPRT valid for all later
	// transfers.
	KeepPort bool

	// DefaultPort makes the server connect to the port of the client's control
	// connection if no command has prepared a data connection, from the port
	// below its own if possible (RFC 959, 3.2).
	DefaultPort bool

	// Modes are the supported transmission modes: S (stream), B (block) and Z
	// (deflate); empty means stream. In block mode the data connection stays
	// open for the next transfer (RFC 959, 3.3).
	Modes string

	// Busy is the reply to commands during a transfer, except ABOR, STAT and
	// QUIT. If it is empty, commands wait for the end of the transfer.
	Busy string

	// SilentAbort makes a transfer that ABOR aborts end without a reply of its
	// own.
	SilentAbort bool

	// NoPassword makes USER log in any user.
	NoPassword bool

	// Hosts are the names that HOST accepts; empty means any.
	Hosts []string

	// DOSLists makes LIST use the format of Windows.
	DOSLists bool

	// BareStatus makes STAT with a path send its lines without a blank before
	// them, and with the line feeds in names.
	BareStatus bool
}

// reply returns the dialect's text of a reply.
func (d *Dialect) reply(verb string, code int) (text string, ok bool) {
	if text, ok = d.Replies[fmt.Sprintf("%s %d", verb, code)]; !ok {
		text, ok = d.Replies[fmt.Sprint(code)]
	}
	return text, ok
}

// refusal returns the reply to a command that a server at port does not carry
// out.
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
