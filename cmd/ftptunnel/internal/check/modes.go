package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/ftpfwd"
)

// ftpModes are the commands that open a data connection, in the order in which
// they are tried.
var ftpModes = []string{"EPSV", "PASV", "EPRT", "PORT"}

// ftpPassword returns the password of the FTP server's user.
func (c *checker) ftpPassword(ctx context.Context) (string, error) {
	password, set := os.LookupEnv("FTP_PASSWORD")
	switch {
	case c.Password != nil:
		password = *c.Password
	case !set:
		if c.Ask == nil || c.batch {
			return "", errors.New("the FTP server asks for a password, and there is no terminal to ask for it")
		}
		var err error
		if password, err = c.Ask(ctx, fmt.Sprintf("Password of FTP user %s at %s: ", c.User, c.server), false); err != nil {
			return "", err
		}
	}
	if strings.ContainsAny(password, "\r\n\x00") {
		return "", errors.New("a password cannot contain line ends in FTP")
	}
	return password, nil
}

// checkModes lists the directory in each mode.
func (c *checker) checkModes(ctx context.Context) {
	for _, mode := range ftpModes {
		o := c.step(ctx, mode, func(ctx context.Context) outcome {
			if c.control.err != nil {
				if err := c.logInAgain(ctx); err != nil {
					return c.fail(fmt.Errorf("cannot log in again: %w", err))
				}
			}
			if mode == "EPSV" || mode == "PASV" {
				return c.tryPassive(ctx, mode)
			}
			return c.tryActive(ctx, mode)
		})
		if o.result != skipped {
			c.report.Modes[mode] = o.result == passed
		}
	}
}

func (c *checker) tryPassive(ctx context.Context, mode string) outcome {
	r, err := c.control.send(ctx, mode)
	if err != nil {
		return c.fail(err)
	}
	named, found := ftpfwd.ParseAnnouncement(r.code, r.text)
	switch {
	case !r.good(2):
		return c.refuses(mode, r)
	case !found:
		return c.fail(fmt.Errorf("the FTP server's reply has no port: %v", r))
	}
	data, err := c.tunnel.DialContext(ctx, "tcp", net.JoinHostPort(c.host, fmt.Sprint(named.Port())))
	if err != nil {
		o := c.fail(fmt.Errorf("data connection: %w", err))
		if c.answers.OnePortOnly() {
			o.advice = nil // it was given before
		}
		return o
	}
	defer data.Close()
	r, o := c.list(ctx, func() (net.Conn, error) { return data, nil })
	if (r.code == 450 || r.code == 550) && o.advice == nil { // the user lacks a permission; the mode works
		o = pass("the data connection works; LIST is refused: %v", r)
	}
	if c.elsewhere(named.Addr()) {
		o.text += fmt.Sprintf("; the server's 227 names %v, but ftptunnel connects to %s (see --pasv-address)", named.Addr(), c.host)
	}
	return o
}

// elsewhere reports whether a 227 names another address than the control
// connection's, as far as can be known: only the gateway resolves names.
func (c *checker) elsewhere(named netip.Addr) bool {
	if !named.IsValid() {
		return false
	}
	if host, err := netip.ParseAddr(c.host); err == nil && !host.IsLoopback() {
		return host != named
	}
	return named.IsLoopback() != ftpfwd.OnGateway(c.server)
}

func (c *checker) tryActive(ctx context.Context, mode string) outcome {
	address := c.Settings.FTP.ActiveAddress
	host, _ := netip.ParseAddr(c.host)
	switch {
	case address.IsValid():
	case !ftpfwd.OnGateway(c.server):
		return skip("the FTP server is not on the gateway, and needs an address of the gateway to connect to: --active-address")
	case host.Is6():
		address = netip.IPv6Loopback()
	default:
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if mode == "PORT" && !address.Is4() {
		return skip("PORT is for IPv4")
	}
	l, err := c.tunnel.Listen(ctx, "tcp", netip.AddrPortFrom(address, 0).String())
	if err != nil {
		return c.refusal(err)
	}
	defer l.Close()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	r, err := c.control.send(ctx, ftpfwd.ActiveCommand(mode, netip.AddrPortFrom(address, l.Addr().(*net.TCPAddr).AddrPort().Port())))
	switch {
	case err != nil:
		return c.fail(err)
	case !r.good(2):
		return c.refuses(mode, r)
	}
	first, o := c.list(ctx, l.Accept)
	if o.result == failed && !first.good(1) && address == c.Settings.FTP.ActiveAddress {
		o.advice = hint.ActiveAddress(&ftpfwd.ActiveAddressError{Address: address})
	}
	return o
}

func (c *checker) refuses(mode string, r reply) outcome {
	o := c.fail(fmt.Errorf("the FTP server refuses %s: %v", mode, r))
	o.advice = hint.FTPReply(r.code, r.text)
	return o
}

// list lists the directory, on the data connection that open returns after the
// preliminary reply. It returns the first reply as well.
func (c *checker) list(ctx context.Context, open func() (net.Conn, error)) (reply, outcome) {
	first, err := c.control.send(ctx, "LIST")
	switch {
	case err != nil:
		return first, c.fail(fmt.Errorf("LIST: %w", err))
	case !first.good(1):
		o := c.fail(fmt.Errorf("LIST: %v", first))
		o.advice = hint.FTPReply(first.code, first.text)
		return first, o
	}
	n, err := receiveAll(ctx, open)
	if err != nil {
		c.control.err = err // a reply is outstanding
		return first, c.fail(fmt.Errorf("data connection: %w", err))
	}
	last, err := c.control.receive(ctx)
	switch {
	case err != nil:
		return first, c.fail(fmt.Errorf("the reply after LIST: %w", err))
	case !last.good(2):
		return first, c.fail(fmt.Errorf("LIST: %v", last))
	}
	return first, pass("the directory was listed: %d bytes", n)
}

// receiveAll reads a data connection to its end.
func receiveAll(ctx context.Context, open func() (net.Conn, error)) (n int64, err error) {
	data, err := open()
	if err != nil {
		return 0, because(ctx, err)
	}
	defer data.Close()
	defer context.AfterFunc(ctx, func() { _ = data.Close() })()
	n, err = io.Copy(io.Discard, data)
	return n, because(ctx, err)
}
