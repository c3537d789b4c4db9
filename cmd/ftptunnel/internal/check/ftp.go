package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/ftpfwd"
)

// A control is a control connection.
type control struct {
	conn net.Conn
	text *textproto.Conn
	err  error // why it cannot be used any more
}

// maxReceived bounds what a server may send on one control connection.
const maxReceived = 1 << 20

var errTooLong = fmt.Errorf("the FTP server has sent %d kB and does not end", maxReceived>>10)

func newControl(conn net.Conn) *control {
	type limited struct {
		io.Reader
		io.WriteCloser
	}
	return &control{conn: conn, text: textproto.NewConn(limited{&greeting.Bounded{From: conn, Left: maxReceived, Err: errTooLong}, conn})}
}

// close ends the session. The server has a place for the next client after that.
func (f *control) close() {
	switch {
	case f == nil:
	case f.err != nil:
		_ = f.conn.Close()
	default:
		greeting.Quit(f.conn)
	}
}

// A reply is a reply to a command, with all of its lines.
type reply struct {
	code int
	text string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.code, r.text) }

// good reports whether r is of the given class: 1 preliminary, 2 completion, 3
// intermediate (RFC 959, 4.2).
func (r reply) good(class int) bool { return r.code/100 == class }

// send sends a command and returns its reply. After an error f cannot be used.
func (f *control) send(ctx context.Context, line string) (reply, error) {
	if f.err == nil {
		f.err = because(ctx, f.text.PrintfLine("%s", line))
	}
	return f.receive(ctx)
}

// receive reads a reply.
func (f *control) receive(ctx context.Context) (r reply, err error) {
	if f.err != nil {
		return r, f.err
	}
	defer context.AfterFunc(ctx, func() { _ = f.conn.Close() })()
	r.code, r.text, err = f.text.ReadResponse(0)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the FTP server closed the connection")
	}
	if err == nil && r.code == 421 {
		f.err = errors.New(r.String()) // the server closes the connection
		return r, f.err
	}
	f.err = because(ctx, err)
	return r, f.err
}

// checkGreeting reports whether an FTP server greets, and asks for its features.
func (c *checker) checkGreeting(ctx context.Context) bool {
	c.step(ctx, "greeting", func(ctx context.Context) outcome {
		line, err := greeting.Read(ctx, c.server, c.control.text)
		if err != nil {
			c.control.err = err
			return c.fail(err)
		}
		c.greeted = true
		return pass("%s", line)
	})
	if !c.greeted {
		return false
	}
	o := c.step(ctx, "features", func(ctx context.Context) outcome {
		r, err := c.control.send(ctx, "FEAT")
		switch {
		case err != nil:
			return c.fail(err)
		case !r.good(2):
			return note("the FTP server lists none: %v", r)
		}
		return pass("%s", features(r.text))
	})
	return o.result != failed
}

// warnOfAddresses advises to name one of the FTP server's addresses if its name has
// several: the gateway looks it up for each connection.
func (c *checker) warnOfAddresses(ctx context.Context) {
	if _, err := netip.ParseAddr(c.host); err == nil || ftpfwd.OnGateway(c.server) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	addresses, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", c.host)
	c.report.advise(adviceOnAddresses(c.host, addresses)...)
}

// lookupLimit bounds how long this machine looks up the FTP server's name.
const lookupLimit = 2 * time.Second

// adviceOnAddresses returns advice about the addresses that host has, as far as
// this machine knows: those of one family, since the gateway tries both.
func adviceOnAddresses(host string, addresses []netip.Addr) []string {
	var v4, v6 []string
	for _, a := range addresses {
		if a.Unmap().Is4() {
			v4 = append(v4, a.Unmap().String())
		} else {
			v6 = append(v6, a.String())
		}
	}
	for _, family := range [][]string{v4, v6} {
		if len(family) > 1 {
			return []string{fmt.Sprintf("%s has several addresses (%s), and a data connection may reach another than the control connection: name one of them instead",
				host, strings.Join(family, ", "))}
		}
	}
	return nil
}

// features returns the lines of a reply to FEAT between the first and the last.
func features(text string) string {
	lines := strings.Split(text, "\n")
	var names []string
	for i, line := range lines {
		if name := strings.TrimSpace(line); i > 0 && i < len(lines)-1 && name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// checkLogin logs in, and reports whether the server accepted the login.
func (c *checker) checkLogin(ctx context.Context) bool {
	var asked reply
	o := c.step(ctx, "user", func(ctx context.Context) (o outcome) {
		asked, o = c.sendUser(ctx)
		return o
	})
	if o.result == failed || asked.good(2) {
		return o.result != failed
	}
	var err error
	if c.password, err = c.ftpPassword(ctx); err != nil {
		o := c.fail(err)
		o.advice = []string{hint.FTPPassword}
		c.report.add("login", 0, o)
		return false
	}
	c.report.secret = c.password
	o = c.step(ctx, "login", c.sendPassword)
	return o.result != failed
}

func (c *checker) sendUser(ctx context.Context) (reply, outcome) {
	r, err := c.control.send(ctx, "USER "+c.User)
	switch {
	case err != nil:
		return r, c.fail(err)
	case r.good(2):
		return r, pass("%s needs no password: %v", c.User, r)
	case r.code != 331:
		o := c.fail(fmt.Errorf("the FTP server rejects user %s: %v", c.User, r))
		o.advice = hint.FTPReply(r.code, r.text, hint.FTPUser)
		return r, o
	}
	return r, pass("%v", r)
}

// sendPassword sends the password. Its outcome does not show the password, which
// some servers quote.
func (c *checker) sendPassword(ctx context.Context) outcome {
	r, err := c.control.send(ctx, "PASS "+c.password)
	answer := r.String()
	if err != nil {
		answer = wording.Of(err)
	}
	if c.password != "" {
		answer = strings.ReplaceAll(answer, c.password, "***")
	}
	if err == nil && r.good(2) {
		return pass("%s is logged in: %s", c.User, answer)
	}
	o := c.fail(fmt.Errorf("the FTP server rejects the login of %s: %s", c.User, answer))
	o.advice = hint.FTPReply(r.code, r.text, hint.FTPLogin)
	return o
}

// logInAgain logs in on a new control connection, after a transfer has broken the
// one before.
func (c *checker) logInAgain(ctx context.Context) error {
	c.control.close()
	conn, err := c.tunnel.DialContext(ctx, "tcp", c.server)
	if err != nil {
		return err
	}
	c.control = newControl(conn)
	if _, err := greeting.Read(ctx, c.server, c.control.text); err != nil {
		c.control.err = err
		return err
	}
	r, o := c.sendUser(ctx)
	if o.result != failed && r.code == 331 {
		o = c.sendPassword(ctx)
	}
	if o.result == failed {
		return errors.New(o.text)
	}
	return nil
}
