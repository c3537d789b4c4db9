package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timeout limits each wait for the server.
const timeout = 10 * time.Second

// A client is an FTP client with just the commands that the demonstration shows.
type client struct {
	conn net.Conn
	text *textproto.Conn
}

// dialFTP connects to the FTP server at address and reads its greeting. The caller
// must close the client.
func dialFTP(ctx context.Context, address string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &client{conn, textproto.NewConn(conn)}
	if _, err := c.reply(220); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() { _ = c.text.Close() }

// reply reads a reply and returns its text. It returns an error if the code of the
// reply does not begin with the digits of code.
func (c *client) reply(code int) (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(timeout))
	_, text, err := c.text.ReadResponse(code)
	return text, err
}

// command sends a command and reads its reply, as reply does.
func (c *client) command(code int, line string) (string, error) {
	if err := c.text.PrintfLine("%s", line); err != nil {
		return "", err
	}
	return c.reply(code)
}

func (c *client) logIn(user, password string) error {
	if _, err := c.command(331, "USER "+user); err != nil {
		return err
	}
	if _, err := c.command(230, "PASS "+password); err != nil {
		return err
	}
	_, err := c.command(200, "TYPE I")
	return err
}

// quit sends QUIT and waits until the server closes the connection.
func (c *client) quit() error {
	if _, err := c.command(221, "QUIT"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c.text.R)
	return err
}

// store uploads the content of r as name, with mode as the command for the data
// connection.
func (c *client) store(mode, name string, r io.Reader) error {
	return c.transfer(mode, "STOR "+name, func(data net.Conn) error {
		_, err := io.Copy(data, r)
		return err
	})
}

// retrieve downloads the file called name to w, with mode as the command for the
// data connection.
func (c *client) retrieve(mode, name string, w io.Writer) error {
	return c.transfer(mode, "RETR "+name, func(data net.Conn) error {
		_, err := io.Copy(w, data)
		return err
	})
}

// transfer sends a transfer command and calls move with the data connection. The
// end of that connection is the end of the data. The data is complete if the
// server then sends a positive reply.
func (c *client) transfer(mode, command string, move func(data net.Conn) error) error {
	d, err := c.openData(mode)
	if err != nil {
		return err
	}
	defer d.close()
	if _, err := c.command(1, command); err != nil {
		return err
	}
	if err = d.accept(); err == nil {
		_ = d.conn.SetDeadline(time.Now().Add(timeout))
		err = errors.Join(move(d.conn), d.conn.Close())
	}
	_, replyErr := c.reply(2)
	return errors.Join(err, replyErr)
}

// A dataConn is a data connection that is open or, in active mode, to be accepted.
type dataConn struct {
	conn     net.Conn         // nil in active mode before accept
	listener *net.TCPListener // nil in passive mode
}

// accept waits, in active mode, until the server connects.
func (d *dataConn) accept() (err error) {
	if d.listener != nil {
		d.conn, err = d.listener.Accept()
	}
	return err
}

func (d *dataConn) close() {
	if d.listener != nil {
		_ = d.listener.Close()
	}
	if d.conn != nil {
		_ = d.conn.Close()
	}
}

// openData connects to the server in passive mode (PASV, EPSV), and listens for it
// in active mode (PORT, EPRT).
func (c *client) openData(mode string) (*dataConn, error) {
	if mode == "PORT" || mode == "EPRT" {
		return c.listenActive(mode)
	}
	address, err := c.passiveAddress(mode)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", address, timeout)
	return &dataConn{conn: conn}, err
}

var (
	hostPort     = regexp.MustCompile(`(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)`)
	extendedPort = regexp.MustCompile(`\(\|\|\|(\d+)\|\)`)
)

// passiveAddress sends PASV or EPSV and returns the address in the reply.
func (c *client) passiveAddress(mode string) (string, error) {
	if mode == "EPSV" {
		reply, err := c.command(229, "EPSV")
		if err != nil {
			return "", err
		}
		n := extendedPort.FindStringSubmatch(reply)
		if n == nil {
			return "", fmt.Errorf("EPSV reply without a port: %q", reply)
		}
		host, _, err := net.SplitHostPort(c.conn.RemoteAddr().String())
		return net.JoinHostPort(host, n[1]), err
	}
	reply, err := c.command(227, "PASV")
	if err != nil {
		return "", err
	}
	n := hostPort.FindStringSubmatch(reply)
	if n == nil {
		return "", fmt.Errorf("PASV reply without an address: %q", reply)
	}
	high, _ := strconv.Atoi(n[5])
	low, _ := strconv.Atoi(n[6])
	return net.JoinHostPort(strings.Join(n[1:5], "."), strconv.Itoa(high<<8|low)), nil
}

// listenActive listens on a free port and sends its address with PORT or EPRT.
func (c *client) listenActive(mode string) (*dataConn, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: c.conn.LocalAddr().(*net.TCPAddr).IP})
	if err != nil {
		return nil, err
	}
	d := &dataConn{listener: l}
	_ = l.SetDeadline(time.Now().Add(timeout))
	if _, err := c.command(200, mode+" "+portArgument(mode, l.Addr().(*net.TCPAddr).AddrPort())); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// portArgument returns an IPv4 address as the argument of EPRT (RFC 2428, section
// 2) or PORT (RFC 959, section 4.1.2).
func portArgument(mode string, a netip.AddrPort) string {
	address := a.Addr().Unmap().String()
	if mode == "EPRT" {
		return fmt.Sprintf("|1|%s|%d|", address, a.Port())
	}
	return fmt.Sprintf("%s,%d,%d", strings.ReplaceAll(address, ".", ","), a.Port()>>8, a.Port()&0xff)
}
