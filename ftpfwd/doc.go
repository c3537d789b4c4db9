// Package ftpfwd forwards FTP control connections to FTP servers, and makes the
// data connections that they announce take the same path, over two abstract
// networks. It knows nothing of SSH.
//
//	passive   client ──▶ Local.Listen   ═══  Remote.DialContext ──▶ server
//	active    client ◀── Local dials    ═══  Remote.Listen      ◀── server
//
// Both halves are what the client asks for, at first. Where the server or the
// far network refuses that, or the port that the server names cannot be
// dialled, the server's half is opened in another way: EPSV, PASV, PORT and
// EPRT are translated into each other (RFC 6384), any client's mode into any
// server's. A client that prepares its transfers with none of them has its data
// sent to its default port.
//
// A [Forwarder] reads along on each control connection. The numbers in a reply
// to PASV or EPSV become those of a listener of its own, the argument of PORT
// or EPRT those of a listener at the far end. Requests for TLS are refused, and
// FEAT does not offer it, because whoever encrypts the control connection hides
// its data connections; the path itself is the encryption. The Telnet prefix of
// a command is dropped, since its urgency cannot travel. All other bytes pass
// unchanged, and what arrived together leaves together.
//
// The order of things in one session: the client is accepted, the server is
// dialled, both directions are relayed line by line by one goroutine that owns
// all state. A data connection is dialled on the far side as soon as it arrives
// on the near one. Its ends are passed on separately, as half-closes. The final
// reply of a download waits for its data.
//
// An abort is never turned into an end of file: a data connection that fails
// on one side is reset on the other, and no success reply follows; a client
// that breaks off an upload makes the session send ABOR before the server's
// data connection ends.
//
// No command is made up but for a translation, in the place of the client's
// own, and that ABOR. The package does not log in, keep a connection alive with
// commands, or limit who may connect to the control listener.
//
// References: RFC 959 (FTP), RFC 2389 (FEAT), RFC 2428 (EPSV, EPRT), RFC 2577
// (security), RFC 6384 (translation), RFC 854 (Telnet).
package ftpfwd
