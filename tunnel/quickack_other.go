//go:build !linux

package tunnel

import "net"

// quickAck returns nil: only Linux has the option.
func quickAck(net.Conn) func() { return nil }
