// Package ftptest is a small FTP server for tests and demonstrations. It is
// strict where FTP servers are: its data listeners are at the address that the
// control connection came in on, it takes data connections from the client's
// own address only, and it refuses a PORT that names another.
//
// An upload goes to a temporary name and becomes a file when its data has ended
// well; after a reset it is answered with 426 and leaves nothing.
//
// There is no TLS, no rights, and no conversion of line ends in ASCII type.
//
// A [Dialect] makes it speak as another product does, as far as that is
// documented; [Products] are some.
//
// References: RFC 959 (FTP), RFC 2389 (FEAT), RFC 2428 (EPSV, EPRT), RFC 2577
// (security), RFC 3659 (SIZE, MDTM, REST, MLSD).
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

	// Dialect is what it says where FTP servers differ; the zero value is its
	// own.
	Dialect Dialect

	// Network is where it listens for data connections and dials them; nil is
	// this host.
	Network Network

	// Heard, if not nil, is told each command line as it was received, without
	// its line end and without the password of PASS. Sessions call it
	// concurrently.
	Heard func(line string)
}

// A Network is where a server's data connections come from and go to.
type Network interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
}

// network returns the server's network.
func (s *Server) network() Network {
	if s.Network != nil {
		return s.Network
	}
	return struct {
		*net.Dialer
		*net.ListenConfig
	}{&net.Dialer{}, &net.ListenConfig{}}
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
