// Package ftptest is a small FTP server for tests and demonstrations. It is
// strict where FTP servers are: its data listeners are at the address that the
// control connection came in on, it takes data connections from the client's
// own address only, and it refuses a PORT that names another.
//
// An upload goes to a temporary name and becomes a file when its data has ended
// well; after a reset it is answered with 426 and leaves nothing.
//
// A [Dialect] makes it speak as another server does; [Products] has those of
// servers that are hard to come by. It makes words, order and choice of replies
// differ, and never makes the server lose or change a file.
//
// There is no TLS, no rights, and no conversion of line ends in ASCII type.
//
// References: RFC 959 (FTP), RFC 1639 (LPSV, LPRT), RFC 2389 (FEAT), RFC 2428
// (EPSV, EPRT), RFC 2577 (security), RFC 3659 (SIZE, MDTM, REST, MLSD),
// RFC 7151 (HOST).
package ftptest

import (
	"context"
	"net"
	"os"
	"sync"
)

// A Server serves the files below a directory. Set its fields before calling
// Serve.
type Server struct {
	Root *os.Root // the files; required

	// User and Password are the only ones that may log in. If User is empty,
	// anybody may.
	User, Password string

	// Heard, if not nil, is told each command line as it was received, without
	// its line end and without the password of PASS. Sessions call it
	// concurrently.
	Heard func(line string)

	// Network is where data connections are made; this host's if nil.
	Network Network

	// Dialect is how the server speaks. The zero value is its own way.
	Dialect Dialect
}

// Serve accepts control connections from l. It closes l and returns when ctx is
// done or accepting fails, after every session has ended; the error is nil if
// ctx was the cause. Clients are then told with a 421, and their transfers are
// broken off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.Close()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if conn != nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		sessions.Go(func() { newSession(s, conn).run(ctx) })
	}
}
