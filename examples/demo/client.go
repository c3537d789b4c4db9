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

// patience bounds each wait for the server.
const patience = 10 * time.Second

// A client is an FTP client that knows just what the demonstration shows.
type client struct {
	conn net.Conn
	text *textproto.Conn
}

// dialFTP connects to the FTP server at address and reads its greeting.
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

// reply reads a reply, whose code must be code, or begin with it.
func (c *client) reply(code int) (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	_, text, err := c.text.ReadResponse(code)
	return text, err
}

// command sends a command and reads its reply.
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

// quit takes leave, and waits until the server has hung up.
func (c *client) quit() error {
	if _, err := c.command(221, "QUIT"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c.text.R)
	return err
}

// store sends what r holds to the server as name.
func (c *client) store(mode, name string, r io.Reader) error {
	return c.transfer(mode, "STOR "+name, func(data net.Conn) error {
		_, err := io.Copy(data, r)
		return err
	})
}

// retrieve writes the server's file called name to w.
func (c *client) retrieve(mode, name string, w io.Writer) error {
	return c.transfer(mode, "RETR "+name, func(data net.Conn) error {
		_, err := io.Copy(w, data)
		return err
	})
}

// transfer carries out one transfer command. The data has ended when its
// connection has, and is whole when the server says so.
func (c *client) transfer(mode, command string, move func(data net.Conn) error) error {
	d, err := c.prepare(mode)
	if err != nil {
		return err
	}
	defer d.close()
	if _, err := c.command(1, command); err != nil {
		return err
	}
	if err = d.accept(); err == nil {
		_ = d.conn.SetDeadline(time.Now().Add(patience))
		err = errors.Join(move(d.conn), d.conn.Close())
	}
	_, replyErr := c.reply(2)
	return errors.Join(err, replyErr)
}

// A dataPort is where a data connection is, or will be accepted.
type dataPort struct {
	conn     net.Conn
	listener *net.TCPListener // nil in passive mode
}

// accept waits for the server's connection in active mode.
func (d *dataPort) accept() (err error) {
	if d.listener != nil {
		d.conn, err = d.listener.Accept()
	}
	return err
}

func (d *dataPort) close() {
	if d.listener != nil {
		_ = d.listener.Close()
	}
	if d.conn != nil {
		_ = d.conn.Close()
	}
}

// prepare agrees on a data connection with the server: in passive mode the
// client connects now, in active mode it waits for the server.
func (c *client) prepare(mode string) (*dataPort, error) {
	if mode == "PORT" || mode == "EPRT" {
		return c.prepareActive(mode)
	}
	address, err := c.passiveAddress(mode)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", address, patience)
	return &dataPort{conn: conn}, err
}

var (
	hostPort     = regexp.MustCompile(`(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)`)
	extendedPort = regexp.MustCompile(`\(\|\|\|(\d+)\|\)`)
)

// passiveAddress asks the server where it listens.
func (c *client) passiveAddress(mode string) (string, error) {
	if mode == "EPSV" {
		reply, err := c.command(229, "EPSV")
		found := extendedPort.FindStringSubmatch(reply)
		if err != nil || found == nil {
			return "", errors.Join(err, fmt.Errorf("no port in %q", reply))
		}
		host, _, err := net.SplitHostPort(c.conn.RemoteAddr().String())
		return net.JoinHostPort(host, found[1]), err
	}
	reply, err := c.command(227, "PASV")
	n := hostPort.FindStringSubmatch(reply)
	if err != nil || n == nil {
		return "", errors.Join(err, fmt.Errorf("no address in %q", reply))
	}
	high, _ := strconv.Atoi(n[5])
	low, _ := strconv.Atoi(n[6])
	return net.JoinHostPort(strings.Join(n[1:5], "."), strconv.Itoa(high<<8|low)), nil
}

// prepareActive listens and tells the server where.
func (c *client) prepareActive(mode string) (*dataPort, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: c.conn.LocalAddr().(*net.TCPAddr).IP})
	if err != nil {
		return nil, err
	}
	d := &dataPort{listener: l}
	_ = l.SetDeadline(time.Now().Add(patience))
	if _, err := c.command(200, mode+" "+describe(mode, l.Addr().(*net.TCPAddr).AddrPort())); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// describe writes an IPv4 address as EPRT (RFC 2428, 2) or PORT (RFC 959,
// 4.1.2) wants it.
func describe(mode string, a netip.AddrPort) string {
	address := a.Addr().Unmap().String()
	if mode == "EPRT" {
		return fmt.Sprintf("|1|%s|%d|", address, a.Port())
	}
	return fmt.Sprintf("%s,%d,%d", strings.ReplaceAll(address, ".", ","), a.Port()>>8, a.Port()&0xff)
}
