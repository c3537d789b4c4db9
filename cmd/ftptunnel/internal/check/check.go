// Package check is the command check: it tries the whole way to the FTP server
// once, and reports each step and what to change.
//
// The files follow the steps: ssh.go connects to the gateway, forward.go asks it
// to forward, ftp.go talks to the FTP server, modes.go lists a directory in each
// of FTP's modes, and conclusion.go says what it all means. report.go is the
// report, as text or as JSON.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// stepLimit bounds each step except connecting, which has ssh's own limits and
// may wait for the user.
const stepLimit = 20 * time.Second

var errSlow = fmt.Errorf("no answer for %v", stepLimit)

// Options say what to check.
type Options struct {
	Settings *settings.Settings // with one gateway and one FTP server
	User     string             // logs in to the FTP server, if not empty
	Password *string            // that user's; if nil, FTP_PASSWORD in the environment, or it is asked for
	JSON     bool               // report as one JSON document
	Command  string             // what to type to use the tunnel
	Advise   hint.Adviser

	// Connect returns how to connect to the gateway's hops, Ask asks for the FTP
	// user's password and is nil if nobody can be asked, and Warn shows text that is
	// not part of the report.
	Connect func(ctx context.Context, gateway string, hops []tunnel.Hop) tunnel.Config
	Ask     terminal.Asker
	Warn    func(text string)
}

// A checker tries each step once.
type checker struct {
	Options
	gateway string
	server  string // host:port, as the gateway resolves it
	host    string // of server
	report  *report

	tunnel  ftpfwd.Network
	version string   // of the gateway's SSH server
	remote  net.Addr // the gateway's address, where this machine knows it
	batch   bool     // ask no questions

	answers      hint.Policy // of the gateway, to requests for forwarding
	gatewayPorts bool        // other hosts can connect to the gateway's listening ports

	control  *control
	greeted  bool // the FTP server has
	password string
}

// Run checks the way to the FTP server and writes the report to out. It reports
// whether the tunnel works, or should work. The error is one of writing to out, or
// why ctx is done: a report that was interrupted has no conclusion.
func Run(ctx context.Context, o Options, out io.Writer) (works bool, err error) {
	c := &checker{Options: o, gateway: o.Settings.Gateways[0], server: o.Settings.Forwards[0].Server}
	c.host, _, _ = net.SplitHostPort(c.server)
	c.report = newReport(c.gateway, c.server)
	c.report.interrupted = func() bool { return ctx.Err() != nil }
	if !o.JSON {
		c.report.lines = out
	}
	c.walk(ctx)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	c.conclude()
	return c.report.Works, c.report.finish(out)
}

// walk makes the steps, as far as each one's success allows the next.
func (c *checker) walk(ctx context.Context) {
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	t := c.connect(ctx, lost)
	if t == nil {
		return
	}
	defer t.Close()
	c.tunnel = t
	conn := c.checkForwarding(ctx)
	if conn == nil {
		c.report.add("greeting", 0, skip("there is no connection to the FTP server"))
		return
	}
	defer func() { c.control.close() }()
	c.control = newControl(conn)
	if !c.checkGreeting(ctx) {
		return
	}
	c.warnOfAddresses(ctx)
	if c.User == "" {
		c.report.add("login", 0, skip("add --user NAME to log in and to try EPSV, PASV, EPRT and PORT"))
		return
	}
	if c.checkLogin(ctx) {
		c.checkModes(ctx)
	}
}

// step runs a test, within the limit, and reports its outcome.
func (c *checker) step(ctx context.Context, name string, test func(ctx context.Context) outcome) outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, stepLimit, errSlow)
	defer cancel()
	began := time.Now()
	o := test(ctx)
	c.report.add(name, time.Since(began), o)
	return o
}

// because returns the cause of ctx's end if ctx is done, or err.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		return context.Cause(ctx)
	}
	return err
}
