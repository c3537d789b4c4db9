package forward

import (
	"errors"
	"net"
)

// duplicate returns an error. It is not needed: there is no SIGHUP.
func duplicate(*net.TCPListener) (net.Listener, error) { return nil, errors.ErrUnsupported }
