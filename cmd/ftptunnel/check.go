package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
)

// stepAtMost bounds each step of a check but the connecting, which has ssh's
// own limits and may have to wait for a person.
const stepAtMost = 20 * time.Second

// checkFlags are those of the command check alone.
type checkFlags struct {
	user  string
	json  bool
	typed *pflag.FlagSet // all that were given
}

// A checker walks the whole way once, and reports.
type checker struct {
	p       *program
	server  string // host:port, as the gateway names it
	host    string // of server
	tunnel  ftpfwd.Network
	version string // of the gateway's SSH server
	report  *report
	stream  *events.Stream

	// What the gateway said to forwarding: there, to the FTP server; back, from
	// a port that it opens; round, to that port.
	there, back, round error
	gatewayPorts       bool // other hosts reach its ports

	remote   net.Addr // the gateway's address, where this machine knows it
	greeted  bool     // the FTP server has
	control  *control
	password string
	batch    bool // never ask anything
}

func (p *program) checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check [flags] [user@]gateway [ftp-host[:port]]",
		Short: "Find out what works, and what to change for the rest",
		Long: `Walks the whole way to the FTP server once and reports each step: the ssh
configuration, each host on the way, what the gateway allows, the FTP server.
With --user it logs in and lists a directory in each of FTP's modes. It opens no
port on this machine, changes nothing on the server, and tries nothing twice.
Exits with 0 if at least one mode works (without --user: should work), else 1.`,
		Example: `  ftptunnel check gateway
  ftptunnel check --user bob alice@gateway ftp.internal
  FTP_PASSWORD="$(pass ftp)" ftptunnel check --json --user bob gateway | jq .modes`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := p.parse(args, "127.0.0.1:0"); err != nil {
				return err
			}
			p.check.typed = c.Flags()
			return p.checkWay(c.Context())
		},
	}
	c.Flags().StringVar(&p.check.user, "user", "", "log in to the FTP server as `name` and try EPSV, PASV, EPRT and PORT;\nthe password is asked for, or taken from the environment: FTP_PASSWORD")
	c.Flags().BoolVar(&p.check.json, "json", false, "report as one JSON document")
	return c
}

// checkWay is the command check. All that it finds is in the report, and in the
// exit status.
func (p *program) checkWay(ctx context.Context) error {
	switch {
	case len(p.settings.Forwards) != 1 || p.settings.Forwards[0].Server == "":
		return &settings.Error{Text: "check looks at one FTP server", Hint: "ftptunnel check " + p.in.Gateway + " ftp-host"}
	case len(p.settings.Gateways) > 1:
		return &settings.Error{Text: "check looks at one gateway", Hint: "ftptunnel check " + p.settings.Gateways[0]}
	case strings.ContainsFunc(p.check.user, unicode.IsControl):
		return &settings.Error{Text: fmt.Sprintf("no user name: %q", p.check.user), Hint: "--user bob"}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &checker{p: p, server: p.settings.Forwards[0].Server}
	c.host, _, _ = net.SplitHostPort(c.server)
	c.report = &report{
		Gateway: p.in.Gateway, Server: c.server,
		Hops: []*hopReport{}, Modes: map[string]bool{}, Summary: []string{}, Advice: []string{},
	}
	if !p.check.json {
		c.report.lines = p.stdout
	}
	log := p.settings.Log
	if log.Level == slog.LevelInfo {
		log.Level = settings.LevelNotice // the report has the rest
	}
	c.stream = p.logEvents(log)
	c.walk(ctx)
	c.stream.Close(patience)
	c.conclude()
	if !c.report.Works {
		p.status = 1
	}
	return c.report.finish(p.stdout)
}

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
		c.report.add("greeting", 0, skip("the FTP server is not reached"))
		return
	}
	defer func() { c.control.close() }()
	c.control = newControl(conn)
	if !c.checkGreeting(ctx) {
		return
	}
	if c.p.check.user == "" {
		c.report.add("login", 0, skip("--user NAME logs in, and tries EPSV, PASV, EPRT and PORT"))
		return
	}
	if c.checkLogin(ctx) {
		c.checkModes(ctx)
	}
}

// step makes a test, within the limit, and reports it.
func (c *checker) step(ctx context.Context, name string, test func(ctx context.Context) outcome) outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, stepAtMost, errSlow)
	defer cancel()
	began := time.Now()
	o := test(ctx)
	c.report.add(name, time.Since(began), o)
	return o
}

var errSlow = fmt.Errorf("no answer for %v", stepAtMost)

// because returns err, or if ctx is done, why.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		return context.Cause(ctx)
	}
	return err
}
