// Package ftptest is a small FTP server for tests and demonstrations. It is
// strict where FTP servers are: its data listeners are at the address that the
// control connection came in on, it takes data connections from the client's
// own address only, and it refuses a PORT that names another.
//
// An upload has a temporary name until its data ends without an error; after a
// reset the reply is 426 and no file is left.
//
// A [Dialect] makes it imitate another server: other replies, in other orders. It
// never makes the server lose or change a file. [Products] has dialects of servers
// that cannot be installed for tests.
//
// There is no TLS, no access control, and no conversion of line ends in type A.
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

	// User and Password are those of the only user. If User is empty, any user
	// may log in.
	User, Password string

	// Received, if not nil, is called with each command line, without its line
	// end and without the password of PASS. Sessions call it concurrently.
	Received func(line string)

	// Network is where data connections are made; nil means this host's.
	Network Network

	// Dialect is what the server sends. The zero value is the default.
	Dialect Dialect
}

// Serve accepts control connections from l. When ctx is done or accepting fails, it
// closes l, aborts transfers, sends clients a 421, and returns after every session
// has ended. The error is nil if ctx is done.
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
