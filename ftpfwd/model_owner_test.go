package ftpfwd

import (
	"fmt"
	"net"
	"time"
)

// ownerUnlessEnded looks for the owner of a connection, as long as its client has
// not ended its data: a client that is hasty has ended it before anybody looks.
func ownerUnlessEnded(conn net.Conn) (string, error) {
	time.Sleep(time.Millisecond)
	if conn.(interface{ Ended() bool }).Ended() {
		return "", fmt.Errorf("no such socket: %w", ErrOwnerGone)
	}
	return "ann", nil
}
