//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// errStuck reports that a client has waited for nothing.
var errStuck = errors.New("STUCK")

// A client is an FTP client whose every step a test decides. It reads replies in
// the background, so that they arrive while its data moves.
type client struct {
	host     *lab.Host
	conn     *net.TCPConn  // the control connection
	since    time.Time     // when it was opened
	patience time.Duration // how long it waits for a reply or for data

	replies chan reply // closed at the end of the control connection
	ahead   []reply    // replies received early
	err     error      // why the control connection ended, once replies is closed
	hungUp  chan struct{}
	hangUp  func()
	reader  sync.WaitGroup
}

// A reply is one reply of the server or of the program.
type reply struct {
	code int
	text string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.code, r.text) }

// connect opens a control connection from h, and does not wait for the greeting. The
// caller closes the client.
func connect(h *lab.Host, address string) (*client, error) {
	conn, err := h.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &client{
		host: h, conn: conn.(*net.TCPConn), since: time.Now(), patience: time.Minute,
		replies: make(chan reply), hungUp: make(chan struct{}),
	}
	c.hangUp = sync.OnceFunc(func() { close(c.hungUp) })
	c.reader.Go(c.read)
	return c, nil
}

func (c *client) read() {
	defer close(c.replies)
	r := textproto.NewConn(c.conn)
	for {
		code, text, err := r.ReadResponse(0)
		if err != nil {
			c.err = fmt.Errorf("control connection: %w", err)
			return
		}
		select {
		case c.replies <- reply{code, text}:
		case <-c.hungUp:
			return
		}
	}
}

// close closes the control connection. It may be called again.
func (c *client) close() {
	c.hangUp()
	_ = c.conn.Close()
	c.reader.Wait()
}

// next waits for a reply.
func (c *client) next() (reply, error) {
	if len(c.ahead) > 0 {
		r := c.ahead[0]
		c.ahead = c.ahead[1:]
		return r, nil
	}
	select {
	case r, ok := <-c.replies:
		if !ok {
			return r, c.err
		}
		return r, nil
	case <-time.After(c.patience):
		return reply{}, fmt.Errorf("%w: no reply within %v", errStuck, c.patience)
	}
}

// expect waits for a reply and returns its text. Code is the code that it must
// have, or the first digit of it.
func (c *client) expect(code int) (string, error) {
	r, err := c.next()
	if err == nil && r.code != code && r.code/100 != code {
		err = fmt.Errorf("reply %v, not %d", r, code)
	}
	return r.text, err
}

// expectUntil waits for replies up to one with the code last, and returns all
// codes.
func (c *client) expectUntil(last int) (codes []int, err error) {
	for len(codes) == 0 || codes[len(codes)-1] != last {
		r, err := c.next()
		if err != nil {
			return codes, fmt.Errorf("after %v: %w", codes, err)
		}
		codes = append(codes, r.code)
	}
	return codes, nil
}

// rest waits for all replies up to the end of the control connection, or until
// it has waited for patience, and returns their codes.
func (c *client) rest(patience time.Duration) (codes []int) {
	c.patience = patience
	for {
		r, err := c.next()
		if err != nil {
			return codes
		}
		codes = append(codes, r.code)
	}
}

func (c *client) send(format string, args ...any) error {
	_, err := fmt.Fprintf(c.conn, format+"\r\n", args...)
	return err
}

// ask sends a command and returns the reply.
func (c *client) ask(format string, args ...any) (reply, error) {
	if err := c.send(format, args...); err != nil {
		return reply{}, err
	}
	return c.next()
}

// command sends a command and expects code; see expect.
func (c *client) command(code int, format string, args ...any) (string, error) {
	if err := c.send(format, args...); err != nil {
		return "", err
	}
	return c.expect(code)
}

// login waits for the greeting, logs in, and sets type I.
func (c *client) login(user, password string) error {
	if _, err := c.expect(220); err != nil {
		return err
	}
	r, err := c.ask("USER %s", user)
	if err == nil && r.code == 331 {
		r, err = c.ask("PASS %s", password)
	}
	if err == nil && r.code != 230 {
		err = fmt.Errorf("login: %v", r)
	}
	if err == nil {
		_, err = c.command(200, "TYPE I")
	}
	return err
}

// quit sends QUIT, waits for the 221 and closes the control connection.
func (c *client) quit() error {
	_, err := c.command(221, "QUIT")
	c.close()
	return err
}

// abort sends ABOR as clients do: after Telnet's Interrupt Process and Synch, of
// which a part is urgent (RFC 959, 4.1.3).
func (c *client) abort() error {
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		_, sent = syscall.SendmsgN(int(fd), []byte("\xff\xf4\xff"), nil, nil, syscall.MSG_OOB)
		return sent != syscall.EAGAIN
	})
	if err = errors.Join(err, sent); err != nil {
		return err
	}
	return c.send("\xf2ABOR")
}

// enter connects to the program and logs in as ftp. The caller closes the client.
func enter(h *lab.Host) (*client, error) {
	c, err := connect(h, address)
	if err != nil {
		return nil, err
	}
	if err := c.login("ftp", "x"); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// connect connects to an address from the client's host, until the test ends.
func (s *site) connect(address string) *client {
	s.t.Helper()
	c, err := connect(s.Client, address)
	require.NoError(s.t, err)
	s.t.Cleanup(c.close)
	return c
}

// login connects to the program and logs in as ftp, until the test ends.
func (s *site) login() *client {
	s.t.Helper()
	return s.loginAt(address)
}

// loginAt connects to an address and logs in as ftp, until the test ends.
func (s *site) loginAt(address string) *client {
	s.t.Helper()
	c := s.connect(address)
	require.NoError(s.t, c.login("ftp", "x"))
	return c
}

// loginTo logs in as the user of a server and changes to the user's directory,
// until the test ends.
func (s *site) loginTo(ftp *lab.FTPServer) *client {
	s.t.Helper()
	c := s.connect(address)
	require.NoError(s.t, c.login(ftp.User, ftp.Password))
	if ftp.Dir != "" {
		_, err := c.command(250, "CWD %s", ftp.Dir)
		require.NoError(s.t, err)
	}
	return c
}
