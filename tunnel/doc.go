// Package tunnel keeps one SSH connection to a destination up, through any
// number of jump hosts, and dials and listens at its far end.
//
// [Open] connects to each [Hop] in order, each through the one before it:
//
//  1. the TCP connection, the ProxyCommand, or a channel of the hop before;
//  2. version exchange and key exchange (RFC 4253);
//  3. verification of the host key, by [Config].HostKeys;
//  4. user authentication (RFC 4252) with the methods publickey, password and
//     keyboard-interactive (RFC 4256). Keys come from files and from an
//     ssh-agent, with or without certificates, and are tried in OpenSSH's order.
//
// [Tunnel.DialContext] then opens direct-tcpip channels (RFC 4254, section
// 7.2). [Tunnel.Listen] requests remote forwards with tcpip-forward (section
// 7.1) and accepts their forwarded-tcpip channels.
//
// While the connection is idle, the tunnel sends keepalive@openssh.com requests
// (section 4), or opens channels that a server rejects if it does not implement
// requests. Without a reply in time it ends the connection. When the
// connection is lost, the tunnel reconnects with increasing, random waits, until
// it succeeds or an error is permanent (see [Permanent]). Calls of DialContext
// and Listen wait for it. Connections and listeners do not survive a loss:
// their errors wrap [ErrLost]. A Read returns [io.EOF] only if the peer has
// ended the data, never because the SSH connection was lost.
//
// The package does not read ssh_config: package sshconfig, in a folder below,
// does, and returns hops. It does not decide which host keys to trust, run
// remote commands, or look at the data that it carries. It does not support
// deadlines on connections, GSSAPI and hostbased authentication, or PKCS #11
// tokens other than through an agent. It never prints, prompts or exits: it
// calls the functions in [Config].
package tunnel
