// Package ftpfwd forwards FTP control connections to FTP servers, and makes the
// data connections that they announce take the same path, over two abstract
// networks. It knows no SSH.
//
//	passive   client ──▶ Local.Listen   ═══  Remote.DialContext ──▶ server
//	active    client ◀── Local dials    ═══  Remote.Listen      ◀── server
//
// # What a session does
//
// A [Forwarder] accepts a client, dials the server, and reads each line of the
// control connection in both directions. One goroutine owns all state of a
// session. The port in a reply to PASV or EPSV is replaced by that of a listener
// on Local; the argument of PORT or EPRT is replaced by that of a listener on
// Remote. A data connection is dialled on the far side as soon as it arrives on
// the near one. The end of its data is passed on separately in each direction, as
// a half-close. The success reply to a download waits for its data.
//
// The client's own method is tried first. Where the server or the far network
// refuses it, or the port that the server names cannot be dialled, the server is
// asked with another: EPSV, PASV, PORT and EPRT are translated into each other
// (RFC 6384). The data of a client that sends none of them goes to its default
// data port. What a server does not support is remembered for ten minutes, for
// the sessions of the same Forwarder that reach it by the same [Route].
//
// Requests for TLS are refused, and FEAT does not offer it: encryption of the
// control connection hides the ports of data connections. The Telnet prefix of a
// command is dropped, since its urgency cannot travel. All other bytes pass
// unchanged, and what arrived together is sent on together.
//
// # What is sent to the server
//
// The client's commands, and these of the package's own: a translated PASV, EPSV,
// PORT or EPRT in the place of the client's; a REST that is repeated behind such
// a command; the USER of a login that has named its server (see
// [Forwarder].Server); and an ABOR when the client has aborted an upload. The
// package does not keep a connection alive with commands, and does not log in.
//
// # How transfers fail
//
// An abort is never turned into an end of file: a data connection that fails on
// one side is reset on the other, and no success reply follows. When a client
// resets an upload, the server receives ABOR before its data connection ends.
//
// # Who may connect
//
// A data listener accepts connections only from the client's host and, with
// [Forwarder].Owner, from the user who owns the control connection; a remote
// listener only from the server. [Forwarder].Users and [Forwarder].MaxClients
// limit the control connections. PORT and EPRT must name the client
// ([Forwarder].ForeignPorts), and the server's address in a 227 is ignored
// ([Forwarder].ReplyNetworks).
//
// References: RFC 959 (FTP), RFC 2389 (FEAT), RFC 2428 (EPSV, EPRT), RFC 2577
// (security), RFC 6384 (translation), RFC 854 (Telnet).
package ftpfwd
