package tunnel

import (
	"io"
	"net"
	"os"
	"strings"
)

// dialAgent opens a named pipe, such as that of Windows' own agent, or a Unix
// socket.
func dialAgent(socket string) (io.ReadWriteCloser, error) {
	if strings.HasPrefix(socket, `\\.\pipe\`) {
		return os.OpenFile(socket, os.O_RDWR, 0)
	}
	return net.Dial("unix", socket)
}
