//go:build unix

package tunnel

import (
	"io"
	"net"
)

func dialAgent(socket string) (io.ReadWriteCloser, error) { return net.Dial("unix", socket) }

// defaultAgent is where an agent is if nothing says so.
const defaultAgent = ""
