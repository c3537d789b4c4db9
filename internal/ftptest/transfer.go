package ftptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
)

// A transfer is a transfer command that is being carried out, in a goroutine of
// its own.
type transfer struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

// ended is closed when t is over; of no transfer, it never is.
func (t *transfer) ended() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.done
}

// abort breaks off the transfer, if there is one, and waits for its end.
func (s *session) abort() {
	if s.transfer != nil {
		s.transfer.cancel()
		<-s.transfer.done
		s.transfer = nil
	}
}

// transferCommand begins a transfer, and reports whether verb asks for one.
func (s *session) transferCommand(ctx context.Context, verb, argument string, restart int64) bool {
	switch verb {
	case "REST":
		offset, err := strconv.ParseInt(argument, 10, 64)
		if err != nil || offset < 0 {
			s.reply(501, "Not a position")
			return true
		}
		s.restart = offset
		s.reply(350, "Will begin at %d", offset)
	case "RETR":
		s.retrieve(ctx, argument, restart)
	case "STOR":
		s.store(ctx, argument, restart)
	case "APPE":
		s.store(ctx, argument, -1)
	case "LIST", "NLST", "MLSD":
		s.list(ctx, verb, argument)
	default:
		return false
	}
	return true
}

func (s *session) retrieve(ctx context.Context, name string, restart int64) {
	file, err := s.openFile(name, restart)
	if err != nil {
		s.fail(550, err)
		return
	}
	s.begin(ctx, name, func(conn net.Conn) error {
		_, err := io.Copy(conn, file)
		return err
	}, file.Close)
}

func (s *session) list(ctx context.Context, verb, argument string) {
	text, err := s.listing(verb, argument)
	if err != nil {
		s.fail(550, err)
		return
	}
	s.begin(ctx, "the list", func(conn net.Conn) error {
		_, err := io.Copy(conn, strings.NewReader(text))
		return err
	}, func() error { return nil })
}

// store begins an upload. The file gets its name when the data has ended
// without an error; until then nobody sees it.
func (s *session) store(ctx context.Context, name string, restart int64) {
	u, err := s.openUpload(name, restart)
	if err != nil {
		s.fail(553, err)
		return
	}
	s.begin(ctx, name, func(conn net.Conn) error {
		// The file's own ReadFrom would call a reset a failure of the file.
		if _, err := io.Copy(struct{ io.Writer }{u.file}, conn); err != nil {
			return err
		}
		return u.keep()
	}, u.discard)
}

// begin opens the data connection, moves the data and says how it went.
// release is called in the end, whatever happens.
func (s *session) begin(ctx context.Context, name string, move func(net.Conn) error, release func() error) {
	o := s.data
	s.data = nil
	if o == nil && s.kept == nil {
		_ = release()
		s.reply(425, "Send PASV, EPSV, PORT or EPRT first")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &transfer{name: name, cancel: cancel, done: make(chan struct{})}
	s.transfer = t
	s.finishing.Go(func() {
		defer close(t.done)
		defer cancel()
		err := s.carry(ctx, o, move)
		_ = release()
		s.conclude(ctx, err)
	})
}

// carry moves the data of one transfer. When ctx is done the data connection is
// closed, and moving fails.
func (s *session) carry(ctx context.Context, o *opening, move func(net.Conn) error) error {
	conn := s.kept
	s.kept = nil
	if conn == nil {
		var err error
		if conn, err = o.open(ctx); err != nil {
			return fmt.Errorf("%w: %w", errNotOpened, err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	s.say(s.server.Dialect.Begun, 150, "Data connection open")
	if !s.block {
		err := move(conn)
		if stop() {
			_ = conn.Close()
		}
		return err
	}
	b := &blockConn{Conn: conn}
	err := errors.Join(move(b), b.end())
	if stop() && err == nil {
		s.kept = conn
	} else {
		_ = conn.Close()
	}
	return err
}

var errNotOpened = errors.New("cannot open the data connection")

// conclude sends the final reply of a transfer that ended with err.
func (s *session) conclude(ctx context.Context, err error) {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case err == nil:
		s.say(s.server.Dialect.Done, 226, "Transfer complete")
	case ctx.Err() != nil:
		s.reply(426, "Transfer aborted")
	case errors.Is(err, errNotOpened):
		s.reply(425, "%v", err)
	case errors.As(err, &path), errors.As(err, &link):
		s.fail(451, err)
	default:
		s.reply(426, "Data connection failed: %v", err)
	}
}
