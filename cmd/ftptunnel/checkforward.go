package main

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

// checkForwarding asks the gateway for all kinds of forwarding, and returns the
// connection to the FTP server, or nil.
func (c *checker) checkForwarding(ctx context.Context) (control net.Conn) {
	c.step(ctx, "forward there", func(ctx context.Context) outcome {
		control, c.there = c.tunnel.DialContext(ctx, "tcp", c.server)
		if c.there != nil {
			return c.refusal(c.there)
		}
		return pass("the gateway connects to %s: what passive mode needs", c.server)
	})
	c.step(ctx, "forward back", func(ctx context.Context) outcome {
		bind, at := "127.0.0.1", "127.0.0.1"
		if ftpfwd.OnGateway(c.server) {
			at = c.host // as data connections of passive mode will say
		}
		if ip, err := netip.ParseAddr(at); err == nil && ip.Is6() {
			bind = at
		}
		c.back, c.round = c.listenAndDial(ctx, bind, at)
		switch {
		case c.back != nil:
			return c.refusal(c.back)
		case hint.Prohibited(c.round):
			return pass("the gateway listens on %s: what active mode needs; untried, for it forbids connections to there", bind)
		case c.round != nil:
			return fail(fmt.Errorf("the gateway grants a port on %s, but nothing comes from it: %w", bind, c.round))
		}
		return pass("the gateway listens on %s, and what connects there arrives here: what active mode needs", bind)
	})
	if c.back == nil {
		c.step(ctx, "GatewayPorts", c.checkGatewayPorts)
	}
	c.report.advise(c.policy().Hints()...)
	return control
}

// refusal is what the gateway said. The advice about what it forbids comes once
// all its answers are known.
func (c *checker) refusal(err error) outcome {
	o := fail(err)
	var open *tunnel.OpenError
	switch {
	case !errors.As(err, &open):
	case open.Listen, hint.Prohibited(err):
		o.advice = nil
	case hint.Unresolved(err):
		o.text = "the gateway does not know the name: " + open.Err.Error()
		o.advice = hint.FTPName(c.host)
	}
	return o
}

// checkGatewayPorts finds out for whom the gateway's ports are. To be granted
// an address means little: sshd listens on its loopback instead.
func (c *checker) checkGatewayPorts(ctx context.Context) outcome {
	at := c.p.settings.FTP.ActiveAddress.String()
	if !c.p.settings.FTP.ActiveAddress.IsValid() {
		at = c.gatewayAddress()
	}
	refused, unreached := c.listenAndDial(ctx, "0.0.0.0", at)
	switch {
	case refused != nil:
		return note("the gateway does not listen on all its addresses: its ports serve FTP servers on itself only")
	case hint.Prohibited(unreached):
		return note("unknown: the gateway forbids connections to %s, where this would show", at)
	case unreached != nil:
		return note("off, it seems: ports on the gateway cannot be reached at %s, so they serve FTP servers on the gateway itself only", at)
	}
	c.gatewayPorts = true
	return note("on: other hosts reach ports on the gateway; an FTP server behind it can use active mode with --active-address=%s, or its address on that side", at)
}

// gatewayAddress is an address of the gateway that is not its loopback, as good
// as this machine knows it.
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

// listenAndDial has the gateway listen at bind and connect to that port, at an
// address of itself. It returns why it would not listen, or why that
// connection did not arrive here.
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

// arrives checks that out is connected to l, and nobody else is.
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
		return errors.New("somebody else connected")
	}
	return nil
}

// policy returns what the gateway answered.
func (c *checker) policy() hint.Policy {
	return hint.Policy{
		Server: c.server, Dropbear: strings.Contains(strings.ToLower(c.version), "dropbear"),
		Connect: c.there, Listen: c.back, Reach: c.round,
	}
}
