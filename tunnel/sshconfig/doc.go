// Package sshconfig resolves a destination to the SSH servers on the way to it,
// as ssh(1) does from ssh_config(5).
//
// [Resolve] asks "ssh -G" where OpenSSH's client is installed, and reads the
// configuration files itself where it is not. The hops that it returns are for
// package tunnel to connect to. This package opens no connection.
package sshconfig
