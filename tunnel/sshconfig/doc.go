// Package sshconfig returns what ssh_config(5) says about a destination: the
// SSH servers on the way to it, and how to connect to each of them.
//
// [Resolve] proceeds in this order:
//
//  1. It parses the destination, [user@]host or ssh://[user@]host[:port].
//  2. It reads the configuration of that host. Where an OpenSSH client is
//     installed, it runs "ssh -G", so that the result is that of ssh(1).
//     Elsewhere a built-in reader reads the same files. It returns an [*Error]
//     for each line that it might read differently from ssh.
//  3. It does the same for each jump host that the configuration names.
//  4. It expands ~, tokens and environment variables in file names and
//     commands, and returns the result as [tunnel.Hop] values.
//
// The package opens no connections, reads no keys and verifies no host keys.
// Package tunnel connects to the hops. It does not import this package: a
// program that has its hops from elsewhere needs no ssh_config.
package sshconfig
