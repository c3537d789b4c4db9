package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

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
		case prohibited(c.round):
			return pass("the gateway listens on %s: what active mode needs; untried, for it forbids connections to there", bind)
		case c.round != nil:
			return fail(fmt.Errorf("the gateway grants a port on %s, but nothing comes from it: %w", bind, c.round))
		}
		return pass("the gateway listens on %s, and what connects there arrives here: what active mode needs", bind)
	})
	if c.back == nil {
		c.step(ctx, "GatewayPorts", c.checkGatewayPorts)
	}
	c.report.advise(c.forwardingAdvice()...)
	return control
}

// refusal is what the gateway said. The advice about what it forbids comes once
// all its answers are known.
func (c *checker) refusal(err error) outcome {
	o := fail(err)
	var open *tunnel.OpenError
	switch {
	case !errors.As(err, &open):
	case open.Listen, prohibited(err):
		o.advice = nil
	case unresolved(open):
		o.text = "the gateway does not know the name: " + open.Err.Error()
		o.advice = []string{"is " + c.host + " the FTP server's name, as the gateway knows it? from there: ping " + c.host}
	}
	return o
}

func prohibited(err error) bool {
	var open *tunnel.OpenError
	return errors.As(err, &open) && open.Prohibited && !unresolved(open)
}

func refusedToListen(err error) bool {
	var open *tunnel.OpenError
	return errors.As(err, &open) && open.Listen
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
	case prohibited(unreached):
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

// forwardingAdvice makes out of the gateway's answers which option is behind
// them. One alone does not tell: SSH knows no reasons.
func (c *checker) forwardingAdvice() []string {
	there, back := prohibited(c.there), refusedToListen(c.back)
	if c.isDropbear() {
		return dropbearAdvice(there, back)
	}
	every := net.JoinHostPort(c.host, "*")
	keys := "; in authorized_keys look for restrict, no-port-forwarding, "
	switch {
	case there && back:
		return []string{"in the gateway's sshd_config AllowTcpForwarding seems to be no, or DisableForwarding yes: set AllowTcpForwarding yes and DisableForwarding no" + keys + "permitopen"}
	case there && c.round == nil && c.back == nil:
		return []string{"in the gateway's sshd_config PermitOpen seems to leave out " + c.server + ": add PermitOpen " + every + " (names are compared literally; data connections use other ports)" + keys + "permitopen"}
	case there:
		return []string{"in the gateway's sshd_config AllowTcpForwarding seems to be remote (set it to yes), or PermitOpen leaves out " + c.server + " (add PermitOpen " + every + ")" + keys + "permitopen"}
	case c.onlyOnePort():
		return []string{"for passive mode: in the gateway's sshd_config PermitOpen seems to allow no more than " + c.server + ", and data connections use other ports: PermitOpen " + every + keys + "permitopen"}
	case back && ftpfwd.OnGateway(c.server):
		return []string{"for active mode: in the gateway's sshd_config AllowTcpForwarding seems to be local (set it to yes), or PermitListen leaves out 127.0.0.1 (add PermitListen 127.0.0.1:*)" + keys + "permitlisten; passive mode does without"}
	}
	return nil
}

// onlyOnePort reports whether the gateway connects to the FTP server, but to no
// other port of it.
func (c *checker) onlyOnePort() bool {
	return c.there == nil && prohibited(c.round) && ftpfwd.OnGateway(c.server)
}

func dropbearAdvice(there, back bool) (lines []string) {
	if there {
		lines = append(lines, "the gateway's Dropbear seems to run with -j, which forbids connections: start it without; in authorized_keys look for no-port-forwarding, restrict, permitopen")
	}
	if back {
		lines = append(lines, "for active mode: the gateway's Dropbear seems to run with -k, which forbids ports for others to connect to: start it without; passive mode does without")
	}
	return lines
}
