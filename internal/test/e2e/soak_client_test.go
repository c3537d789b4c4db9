//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.org/ftptunnel/internal/test/lab"
)

// stuckAfter is how long a client waits for anything at all. The program's own
// bounds add up to a minute and a half: 30 seconds to connect and a minute for
// what rests.
const stuckAfter = 95 * time.Second

var (
	errStuck     = errors.New("STUCK: nothing has happened for " + stuckAfter.String())
	errBrokenOff = errors.New("broken off by the client")
)

// A caller is a client whose replies are read while its data moves.
type caller struct {
	host    *lab.Host
	control *net.TCPConn
	entered time.Time

	replies chan heard // closed when the control connection has ended
	ahead   []heard    // replies that came before it was their turn
	err     error      // why it has, once replies is closed
	left    chan struct{}
	reader  sync.WaitGroup
}

// heard is one reply.
type heard struct {
	code int
	text string
}

func (h heard) String() string { return fmt.Sprintf("%d %s", h.code, h.text) }

// call connects, and waits for no greeting.
func call(h *lab.Host) (*caller, error) {
	conn, err := h.DialContext(context.Background(), "tcp", "127.0.0.1:2121")
	if err != nil {
		return nil, err
	}
	c := &caller{host: h, control: conn.(*net.TCPConn), entered: time.Now(), replies: make(chan heard), left: make(chan struct{})}
	c.reader.Go(c.listen)
	return c, nil
}

func (c *caller) listen() {
	defer close(c.replies)
	r := textproto.NewConn(c.control)
	for {
		code, text, err := r.ReadResponse(0)
		if err != nil {
			c.err = fmt.Errorf("control connection: %w", err)
			return
		}
		select {
		case c.replies <- heard{code, text}:
		case <-c.left:
			return
		}
	}
}

// close hangs up.
func (c *caller) close() {
	close(c.left)
	_ = c.control.Close()
	c.reader.Wait()
}

// enter connects and logs in.
func enter(h *lab.Host) (*caller, error) {
	c, err := call(h)
	if err != nil {
		return nil, err
	}
	if err := c.login(); err != nil {
		c.close()
		return nil, fmt.Errorf("login: %w", err)
	}
	return c, nil
}

func (c *caller) login() error {
	if _, err := c.expect(2); err != nil {
		return err
	}
	if _, err := c.command(2, "USER ftp"); err != nil {
		return err
	}
	_, err := c.command(2, "TYPE I")
	return err
}

// next waits for a reply.
func (c *caller) next() (heard, error) {
	if len(c.ahead) > 0 {
		h := c.ahead[0]
		c.ahead = c.ahead[1:]
		return h, nil
	}
	select {
	case h, ok := <-c.replies:
		if !ok {
			return h, c.err
		}
		return h, nil
	case <-time.After(stuckAfter):
		return heard{}, fmt.Errorf("%w: no reply", errStuck)
	}
}

// expect waits for a reply whose code begins with a digit.
func (c *caller) expect(digit int) (heard, error) {
	h, err := c.next()
	if err == nil && h.code/100 != digit {
		err = fmt.Errorf("reply %v", h)
	}
	return h, err
}

func (c *caller) send(format string, args ...any) error {
	_, err := fmt.Fprintf(c.control, format+"\r\n", args...)
	return err
}

func (c *caller) command(digit int, format string, args ...any) (heard, error) {
	if err := c.send(format, args...); err != nil {
		return heard{}, err
	}
	return c.expect(digit)
}

// abort sends ABOR behind a Telnet Synch, as BSD's client does.
func (c *caller) abort() error {
	raw, err := c.control.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		_, sent = syscall.SendmsgN(int(fd), []byte{255, 244, 255}, nil, nil, syscall.MSG_OOB)
		return sent != syscall.EAGAIN
	})
	if err = errors.Join(err, sent); err != nil {
		return err
	}
	return c.send("\xf2ABOR")
}

// settle waits until nothing is outstanding: the number of replies to an
// aborted transfer varies, and no other reply to expect begins with 200.
func (c *caller) settle() error {
	if err := c.send("NOOP"); err != nil {
		return err
	}
	for {
		h, err := c.next()
		if err != nil || h.code == 200 {
			return err
		}
	}
}

// An opener makes the data connections of a caller's transfers.
type opener struct {
	caller   *caller
	at       string // where to dial; empty if the server's side does
	listener net.Listener
	accepted chan net.Conn
	acceptor sync.WaitGroup
}

// open does EPSV, PASV, PORT or EPRT.
func (c *caller) open(verb string) (*opener, error) {
	o := &opener{caller: c, accepted: make(chan net.Conn, 1)}
	switch verb {
	case "EPSV", "PASV":
		h, err := c.command(2, "%s", verb)
		if err != nil {
			return nil, err
		}
		o.at, err = dataPort(h.text)
		return o, err
	}
	var err error
	if o.listener, err = c.host.Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	o.acceptor.Go(func() {
		if data, err := o.listener.Accept(); err == nil {
			o.accepted <- data
		}
	})
	port := o.listener.Addr().(*net.TCPAddr).Port
	line := fmt.Sprintf("PORT 127,0,0,1,%d,%d", port>>8, port&0xff)
	if verb == "EPRT" {
		line = fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port)
	}
	if _, err = c.command(2, "%s", line); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// dataPort returns the address in the text of a 227 or 229.
func dataPort(text string) (string, error) {
	if _, in, ok := strings.Cut(text, "(|||"); ok {
		port, _, _ := strings.Cut(in, "|")
		return "127.0.0.1:" + port, nil
	}
	_, in, _ := strings.Cut(text, "(")
	in, _, _ = strings.Cut(in, ")")
	n := strings.Split(in, ",")
	if len(n) != 6 {
		return "", fmt.Errorf("no address in %q", text)
	}
	high, _ := strconv.Atoi(n[4])
	low, err := strconv.Atoi(n[5])
	return net.JoinHostPort(strings.Join(n[:4], "."), strconv.Itoa(high<<8|low)), err
}

// connect dials, or waits for the connection that a 150 has announced.
func (o *opener) connect() (net.Conn, error) {
	if o.at != "" {
		return o.caller.host.DialContext(context.Background(), "tcp", o.at)
	}
	replies := o.caller.replies
	for {
		select {
		case data := <-o.accepted:
			return data, nil
		case h, ok := <-replies:
			switch {
			case !ok:
				return nil, o.caller.err
			case h.code/100 != 2:
				return nil, fmt.Errorf("instead of a connection: %v", h)
			}
			// A short file may be over before its connection has been accepted.
			o.caller.ahead = append(o.caller.ahead, h)
			replies = nil
		case <-time.After(stuckAfter):
			return nil, fmt.Errorf("%w: no data connection", errStuck)
		}
	}
}

// close stops listening, and resets a connection that nobody took.
func (o *opener) close() {
	if o.listener == nil {
		return
	}
	_ = o.listener.Close()
	o.acceptor.Wait()
	select {
	case data := <-o.accepted:
		reset(data)
	default:
	}
}

func reset(data net.Conn) {
	_ = data.(*net.TCPConn).SetLinger(0)
	_ = data.Close()
}

// stuckIfLate says that what took too long is stuck.
func stuckIfLate(err error) error {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errStuck, err)
	}
	return err
}
