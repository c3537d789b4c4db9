//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// openers are the commands that prepare a data connection.
var openers = []string{"EPSV", "PASV", "PORT", "EPRT"}

// A dataPort is where the data connections of a client are made: a port of the
// program's to connect to, or one of its own to accept from.
type dataPort struct {
	client   *client
	at       string // where to connect; empty if the client accepts
	listener net.Listener
	accepted chan net.Conn
	acceptor sync.WaitGroup
}

// open sends EPSV, PASV, PORT or EPRT. The caller closes the port.
func (c *client) open(opener string) (*dataPort, error) {
	p, line, code, err := c.prepare(opener)
	if err != nil {
		return nil, err
	}
	text, err := c.command(code, "%s", line)
	if err == nil && p.listener == nil {
		p.at, err = c.announced(text)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// prepare returns the command line of an opener, and the code of the reply to it.
// The caller sends it, sets where a passive port is, and closes the port.
func (c *client) prepare(opener string) (p *dataPort, line string, code int, err error) {
	p = &dataPort{client: c, accepted: make(chan net.Conn, 1)}
	if code := map[string]int{"EPSV": 229, "PASV": 227}[opener]; code != 0 {
		return p, opener, code, nil
	}
	if p.listener, err = c.host.Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
		return nil, "", 0, err
	}
	p.acceptor.Go(func() {
		if data, err := p.listener.Accept(); err == nil {
			p.accepted <- data
		}
	})
	return p, portCommand(opener, p.listener), 200, nil
}

// announced returns the address in the text of a 227, or for a 229 its port at
// the host of the control connection.
func (c *client) announced(text string) (string, error) {
	if _, in, ok := strings.Cut(text, "(|||"); ok {
		host, _, err := net.SplitHostPort(c.conn.RemoteAddr().String())
		port, _, _ := strings.Cut(in, "|")
		return net.JoinHostPort(host, port), err
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

// connect connects, or waits for the connection that a 150 has announced. The
// transfer may end before that is accepted.
func (p *dataPort) connect() (*net.TCPConn, error) { return p.await(2) }

// connectUnread is connect for a client that does not wait for the 150.
func (p *dataPort) connectUnread() (*net.TCPConn, error) { return p.await(1, 2) }

// await connects, or waits for a connection. Replies of some classes may come
// before it: 2 is 2yz.
func (p *dataPort) await(classes ...int) (*net.TCPConn, error) {
	if p.at != "" {
		data, err := p.client.host.DialContext(context.Background(), "tcp", p.at)
		if err != nil {
			return nil, err
		}
		return p.client.bounded(data)
	}
	limit := time.After(p.client.patience)
	for {
		select {
		case data := <-p.accepted:
			return p.client.bounded(data)
		case r, ok := <-p.client.replies:
			switch {
			case !ok:
				return nil, p.client.err
			case !slices.Contains(classes, r.code/100):
				return nil, fmt.Errorf("instead of a connection: %v", r)
			}
			p.client.ahead = append(p.client.ahead, r)
		case <-limit:
			return nil, fmt.Errorf("%w: no data connection", errStuck)
		}
	}
}

func (c *client) bounded(data net.Conn) (*net.TCPConn, error) {
	return data.(*net.TCPConn), data.SetDeadline(time.Now().Add(c.patience))
}

// close stops listening, and resets a connection that was not taken.
func (p *dataPort) close() {
	if p.listener == nil {
		return
	}
	_ = p.listener.Close()
	p.acceptor.Wait()
	select {
	case data := <-p.accepted:
		reset(data)
	default:
	}
}

func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// begin sends a command for a transfer, makes its data connection and waits for
// the preliminary reply. A passive client connects before it sends the command
// if early is set.
func (c *client) begin(p *dataPort, command string, early bool) (data *net.TCPConn, err error) {
	early = early && p.at != ""
	if early {
		if data, err = p.connect(); err != nil {
			return nil, err
		}
	}
	if err = c.send("%s", command); err != nil {
		return data, err
	}
	if !early && p.at != "" {
		if data, err = p.connect(); err != nil {
			return nil, err
		}
	}
	if _, err = c.expect(1); err != nil {
		return data, err
	}
	if data == nil {
		data, err = p.connect()
	}
	return data, err
}

// transfer opens a data connection and sends a command that uses it. It returns
// when both have succeeded, with the data connection.
func (c *client) transfer(opener, command string) (*net.TCPConn, error) {
	p, err := c.open(opener)
	if err != nil {
		return nil, err
	}
	defer p.close()
	data, err := c.begin(p, command, true)
	if err != nil && data != nil {
		_ = data.Close()
	}
	return data, err
}

// download returns the content of a file.
func (c *client) download(opener, name string) ([]byte, error) {
	data, err := c.transfer(opener, "RETR "+name)
	if err != nil {
		return nil, err
	}
	return c.receive(data)
}

// receive reads and closes a data connection and waits for the final reply.
func (c *client) receive(data net.Conn) ([]byte, error) {
	defer data.Close()
	content, err := io.ReadAll(data)
	if err != nil {
		return nil, err
	}
	_, err = c.expect(226)
	return content, err
}

// downloads downloads a file and compares it.
func (c *client) downloads(opener, name string, want []byte) error {
	got, err := c.download(opener, name)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s: %d bytes that are not the file's", opener, len(got))
	}
	return err
}

// upload stores a file in passive mode.
func (c *client) upload(name string, content []byte) error {
	data, err := c.transfer("EPSV", "STOR "+name)
	if err != nil {
		return err
	}
	_, err = data.Write(content)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	_, err = c.expect(226)
	return err
}

// together runs do for 0 to n-1, at most atATime at once, and joins the errors.
func together(n, atATime int, do func(i int) error) error {
	numbers := make(chan int)
	errs := make([]error, n)
	var workers sync.WaitGroup
	for range atATime {
		workers.Go(func() {
			for i := range numbers {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
	return errors.Join(errs...)
}

// listen listens on the client's host until the test ends, and returns the PORT
// or EPRT command that names the listener.
func (s *site) listen(opener string) (l net.Listener, command string) {
	s.t.Helper()
	l, err := s.Client.Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = l.Close() })
	return l, portCommand(opener, l)
}

// portCommand returns the PORT or EPRT command that names a listener.
func portCommand(opener string, l net.Listener) string {
	port := l.Addr().(*net.TCPAddr).Port
	if opener == "EPRT" {
		return fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port)
	}
	return fmt.Sprintf("PORT 127,0,0,1,%d,%d", port>>8, port&0xff)
}
