package ftptest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
)

// A transfer is a transfer command in progress, in a goroutine of its own.
type transfer struct {
	command command
	name    string
	keep    bool // leave the data connection open
	cancel  context.CancelFunc
	done    chan struct{}

	// Once done is closed:
	kept    net.Conn // the data connection, if it was left open
	err     error
	aborted bool // by cancel
}

// ended returns a channel that is closed when t ends; nil if there is no transfer.
func (t *transfer) ended() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.done
}

// abort aborts the transfer, if there is one, and waits for its end.
func (s *session) abort() {
	if s.transfer != nil {
		s.transfer.cancel()
		<-s.transfer.done
		s.endTransfer()
	}
}

// endTransfer takes over what the transfer, which has ended, has left, and sends its
// reply.
func (s *session) endTransfer() {
	t := s.transfer
	s.transfer, s.kept = nil, t.kept
	s.conclude(t)
}

// transferCommand carries out the commands for transfers, and reports whether verb
// is one.
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
	m := s.mode
	s.begin(ctx, name, func(conn net.Conn) error { return m.send(conn, file) }, file.Close)
}

func (s *session) list(ctx context.Context, verb, argument string) {
	text, err := s.listing(verb, argument)
	if err != nil {
		s.fail(550, err)
		return
	}
	m := s.mode
	s.begin(ctx, "the list", func(conn net.Conn) error {
		return m.send(conn, strings.NewReader(text))
	}, func() error { return nil })
}

// store begins an upload. The file gets its name when the data has ended without an
// error.
func (s *session) store(ctx context.Context, name string, restart int64) {
	u, err := s.openUpload(name, restart)
	if err != nil {
		s.fail(553, err)
		return
	}
	m := s.mode
	s.begin(ctx, name, func(conn net.Conn) error {
		if err := m.receive(u.file, conn); err != nil {
			return err
		}
		return u.keep()
	}, u.discard)
}

// begin opens the data connection and moves the data. It calls release at the end in
// any case.
func (s *session) begin(ctx context.Context, name string, move func(net.Conn) error, release func() error) {
	o := s.nextOpening()
	if o == nil {
		_ = release()
		s.reply(425, "Send PASV, EPSV, PORT or EPRT first")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &transfer{command: s.command, name: name, keep: s.mode == block, cancel: cancel, done: make(chan struct{})}
	s.transfer = t
	s.finishing.Go(func() {
		defer close(t.done)
		defer cancel()
		t.err = s.carry(ctx, t, o, move)
		t.aborted = ctx.Err() != nil
		_ = release()
	})
}

// carry moves the data of one transfer. When ctx is done the data connection is
// closed, and moving fails.
func (s *session) carry(ctx context.Context, t *transfer, o *opening, move func(net.Conn) error) error {
	if s.dialect.Prompt {
		s.announce(t, o.isOpen())
	}
	conn, err := o.open(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotOpened, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	if !s.dialect.Prompt {
		s.announce(t, false)
	}
	err = move(conn)
	switch {
	case !stop(): // closed
	case t.keep && err == nil:
		t.kept = conn
	default:
		_ = conn.Close()
	}
	return err
}

// announce sends the preliminary reply of a transfer.
func (s *session) announce(t *transfer, open bool) {
	if open {
		s.answer(t.command, 125, "Data connection already open")
		return
	}
	s.answer(t.command, 150, "Data connection open")
}

var errNotOpened = errors.New("cannot open the data connection")

// conclude sends the final reply of t.
func (s *session) conclude(t *transfer) {
	var path *fs.PathError
	var link *os.LinkError
	switch err := t.err; {
	case err == nil:
		s.answer(t.command, 226, "Transfer complete")
	case t.aborted && s.dialect.SilentAbort:
	case t.aborted:
		s.answer(t.command, 426, "Transfer aborted")
	case errors.Is(err, errNotOpened):
		s.answer(t.command, 425, err.Error())
	case errors.As(err, &path), errors.As(err, &link):
		s.answer(t.command, 451, reason(err))
	default:
		s.answer(t.command, 426, "Data connection failed: "+err.Error())
	}
}
