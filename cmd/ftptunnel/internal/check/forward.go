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
			return c.fail(fmt.Errorf("the gateway listens on %s, but what connects there does not arrive here: %w", bind, c.answers.Reach))
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
	o := c.fail(err)
	var open *tunnel.OpenError
	switch {
	case !errors.As(err, &open):
	case open.Listen, hint.Prohibited(err):
		o.advice = nil
	case hint.Unresolved(err):
		o.text = "the gateway cannot resolve the name " + c.host + ": " + open.Err.Error()
		o.advice = hint.FTPName(c.host)
	}
	return o
}

// checkGatewayPorts finds out whether other hosts can connect to the gateway's
// listening ports. That it grants an address is no proof: sshd may listen on its
// loopback all the same.
func (c *checker) checkGatewayPorts(ctx context.Context) outcome {
	at := c.gatewayAddress()
	first, cancel := context.WithTimeoutCause(ctx, stepLimit/2, errSlow)
	defer cancel()
	refused, unreached := c.listenAndDial(first, "0.0.0.0", at)
	switch {
	case refused != nil:
		return note("the gateway does not listen on all its addresses: its ports serve only FTP servers on the gateway itself")
	case hint.Prohibited(unreached):
		return note("unknown: the gateway forbids connections to %s, which would show it", at)
	case at == otherLoopback:
		return c.gatewayPortsByLoopback(unreached)
	case unreached == nil:
		c.gatewayPorts = true
		return note("on: other hosts reach ports on the gateway; an FTP server behind it can use active mode with --active-address=%s, or with its address on that side", at)
	case !c.Settings.FTP.ActiveAddress.IsValid():
		// Perhaps the gateway is in a container, or behind a forwarded port, and has
		// another address than the one that this machine knows.
		if _, unreached := c.listenAndDial(ctx, "0.0.0.0", otherLoopback); unreached == nil {
			return c.gatewayPortsByLoopback(nil)
		}
	}
	return note("off, it seems: ports on the gateway cannot be reached at %s, so they serve only FTP servers on the gateway itself", at)
}

// otherLoopback is an address of a gateway at which only those of its ports can be
// reached that listen on all addresses, at least on Linux: without GatewayPorts they
// listen on 127.0.0.1. Elsewhere it may be no address at all.
const otherLoopback = "127.0.0.2"

// gatewayPortsByLoopback says what a connection to otherLoopback shows, given why it
// does not arrive. It shows nothing about which other address other hosts can use.
func (c *checker) gatewayPortsByLoopback(unreached error) outcome {
	var open *tunnel.OpenError
	switch {
	case unreached == nil:
		c.gatewayPorts = true
		return note("on, it seems: the gateway listens on all its addresses; an FTP server behind it can use active mode with --active-address=ADDRESS, the gateway's address on that side")
	case errors.As(unreached, &open) && strings.Contains(open.Err.Error(), "refused"):
		return note("off, it seems: the gateway listens on 127.0.0.1 only, so its ports serve only FTP servers on the gateway itself")
	}
	return note("unknown: no address of the gateway is known here at which to test it; --active-address names one")
}

// gatewayAddress returns the address of the gateway at which to test whether other
// hosts can reach its ports: the one that --active-address names, or that this
// machine connected to. A loopback address shows nothing, as that of a forwarded
// port or of a container, and the gateway may take a name for one.
func (c *checker) gatewayAddress() string {
	candidates := []netip.Addr{c.Settings.FTP.ActiveAddress}
	if c.remote != nil {
		if at, err := netip.ParseAddrPort(c.remote.String()); err == nil {
			candidates = append(candidates, at.Addr().Unmap())
		}
	}
	for _, ip := range candidates {
		if ip.IsValid() && !ip.IsLoopback() && !ip.IsUnspecified() {
			return ip.String()
		}
	}
	return otherLoopback
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
