// Package tunnel keeps one SSH connection to a destination alive through its
// jump hosts, and dials and listens at its far end.
//
// [Open] connects to each [Hop] in order: TCP connection, key exchange, host
// key, authentication. The [Tunnel] then watches the connection with keepalives
// that have a reply deadline of their own, and connects again, backing off,
// whenever it is lost. Package sshconfig, in a folder below, makes the hops
// from ssh_config; a program may as well fill them in itself.
//
// [Tunnel.DialContext] opens direct-tcpip channels (RFC 4254, 7.2) and
// [Tunnel.Listen] asks for remote forwards (tcpip-forward, RFC 4254, 7.1).
// Connections have no deadlines, so everything here that is bounded in time is
// bounded by closing.
//
// An abort is never turned into an end of file: a connection that ends because
// the SSH connection was lost returns an error wrapping [ErrLost], never
// [io.EOF].
//
// The package never prints, prompts or exits: who uses it hands in functions
// that ask and that are told (see [Config]). It does not know what the
// connections carry.
package tunnel
