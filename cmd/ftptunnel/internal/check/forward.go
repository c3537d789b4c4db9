package check

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// Names of steps: the requests of SSH (RFC 4254, 7).
const (
	stepConnect = "direct-tcpip"
	stepListen  = "tcpip-forward"
)

// checkForwarding asks the gateway for each kind of forwarding, and returns the
// connection to the FTP server, or nil.
func (c *checker) checkForwarding(ctx context.Context) (control net.Conn) {
	c.answers.Server, c.answers.Dropbear = c.server, strings.Contains(strings.ToLower(c.version), "dropbear")
	c.step(ctx, stepConnect, func(ctx context.Context) outcome {
		control, c.answers.Connect = c.tunnel.DialContext(ctx, "tcp", c.server)
		if c.answers.Connect != nil {
			return c.refusal(c.answers.Connect)
		}
		return pass("the gateway connects to %s: what passive mode needs", c.server)
	})
	c.step(ctx, stepListen, func(ctx context.Context) outcome {
		bind, at := "127.0.0.1", "127.0.0.1"
		if ftpfwd.OnGateway(c.server) {
			at = c.host // where data connections of passive mode go
		}
		if ip, err := netip.ParseAddr(at); err == nil && ip.Is6() {
			bind = at
		}
		c.answers.Listen, c.answers.Reach = c.listenAndDial(ctx, bind, at)
		switch {
		case c.answers.Listen != nil:
			return c.refusal(c.answers.Listen)
		case hint.Prohibited(c.answers.Reach):
			return pass("the gateway listens on %s: what active mode needs; untried, since it forbids connections to that address", bind)
		case c.answers.Reach != nil:
			return fail(fmt.Errorf("the gateway listens on %s, but what connects there does not arrive here: %w", bind, c.answers.Reach))
		}
		return pass("the gateway listens on %s, and what connects there arrives here: what active mode needs", bind)
	})
	if c.answers.Listen == nil {
		c.step(ctx, "GatewayPorts", c.checkGatewayPorts)
	}
	c.report.advise(c.answers.Hints()...)
	return control
}

// refusal reports why the gateway does not forward. Advice about what it
// forbids follows when all its answers are known.
func (c *checker) refusal(err error) outcome {
	o := fail(err)
	var open *tunnel.OpenError
	switch {
	case !errors.As(err, &open):
	case open.Listen, hint.Prohibited(err):
		o.advice = nil
	case hint.Unresolved(err):
		o.text = "the gateway cannot resolve the name: " + open.Err.Error()
		o.advice = hint.FTPName(c.host)
	}
	return o
}

// checkGatewayPorts finds out whether other hosts can connect to the gateway's
// listening ports. That it grants an address is no proof: sshd may listen on its
// loopback all the same.
func (c *checker) checkGatewayPorts(ctx context.Context) outcome {
	at := c.Settings.FTP.ActiveAddress.String()
	if !c.Settings.FTP.ActiveAddress.IsValid() {
		at = c.gatewayAddress()
	}
	refused, unreached := c.listenAndDial(ctx, "0.0.0.0", at)
	switch {
	case refused != nil:
		return note("the gateway does not listen on all its addresses: its ports serve only FTP servers on the gateway itself")
	case hint.Prohibited(unreached):
		return note("unknown: the gateway forbids connections to %s, which would show it", at)
	case unreached != nil:
		return note("off, it seems: ports on the gateway cannot be reached at %s, so they serve only FTP servers on the gateway itself", at)
	}
	c.gatewayPorts = true
	return note("on: other hosts reach ports on the gateway; an FTP server behind it can use active mode with --active-address=%s, or with its address on that side", at)
}

// gatewayAddress returns an address of the gateway that is not a loopback
// address, or else its name.
func (c *checker) gatewayAddress() string {
	if c.remote != nil {
		if host, _, err := net.SplitHostPort(c.remote.String()); err == nil {
			if ip, err := netip.ParseAddr(host); err == nil && !ip.IsLoopback() && !ip.IsUnspecified() {
				return ip.Unmap().String()
			}
		}
	}
	host, _, _ := net.SplitHostPort(c.report.Hops[len(c.report.Hops)-1].Address)
	return host
}

// listenAndDial has the gateway listen on bind, and connect to that port at one
// of its addresses. It returns why the gateway does not listen, or why that
// connection does not arrive here.
func (c *checker) listenAndDial(ctx context.Context, bind, at string) (refused, unreached error) {
	l, err := c.tunnel.Listen(ctx, "tcp", net.JoinHostPort(bind, "0"))
	if err != nil {
		return err, nil
	}
	defer l.Close()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err, nil
	}
	out, err := c.tunnel.DialContext(ctx, "tcp", net.JoinHostPort(at, port))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	return nil, because(ctx, arrives(ctx, l, out))
}

// arrives returns an error unless the connection that l accepts is out's.
func arrives(ctx context.Context, l net.Listener, out net.Conn) error {
	sent := rand.Text()
	if _, err := io.WriteString(out, sent); err != nil {
		return err
	}
	in, err := l.Accept()
	if err != nil {
		return err
	}
	defer in.Close()
	defer context.AfterFunc(ctx, func() { _ = in.Close() })()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(in, got); err != nil {
		return err
	}
	if string(got) != sent {
		return errors.New("another connection arrived")
	}
	return nil
}
