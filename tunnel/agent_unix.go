//go:build unix

package tunnel

import (
	"io"
	"net"
)

func dialAgent(socket string) (io.ReadWriteCloser, error) { return net.Dial("unix", socket) }
