package hint

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/owner"
	"example.org/ftptunnel/ftpfwd"
)

// forListen is about a port on this machine.
func forListen(e *forward.ListenError) []string {
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE), strings.Contains(e.Err.Error(), "Only one usage of each socket address"):
		return []string{"another program uses that port, perhaps another ftptunnel; use a free one: -L 0:ftp-host:21"}
	case errors.Is(e.Err, fs.ErrPermission):
		return []string{"ports below 1024 need privileges; use a higher one: -L 2121:ftp-host:21"}
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return []string{"this machine has no such address; leave it out to listen on localhost"}
	}
	return nil
}

// forOwner is about a connection of another user. There is no hint about a data
// connection: only the user who asked for the data may have it.
func forOwner(e *ftpfwd.OwnerError) []string {
	if e.Err != nil || len(e.Users) == 1 {
		return nil
	}
	return []string{"to serve this user too: --allow-user=" + owner.Name(e.Owner)}
}
