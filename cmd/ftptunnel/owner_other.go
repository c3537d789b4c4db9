//go:build !linux

package main

import "net"

// ownerOf does not know whose a connection is: only Linux tells.
func ownerOf(net.Conn) (string, error) { return "", nil }
