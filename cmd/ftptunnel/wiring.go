package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"

	"example.org/ftptunnel/cmd/ftptunnel/internal/check"
	"example.org/ftptunnel/cmd/ftptunnel/internal/connect"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// forward is the program without a command: it forwards until a signal.
func (p *program) forward(ctx context.Context) error {
	ctx, hurry, stop := forward.OnSignals(ctx)
	defer stop()
	err := p.serve(ctx, hurry)
	switch {
	case forward.Interrupted(ctx) && p.unanswered.Load():
		return errInterrupted
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)), errors.Is(err, context.Canceled):
		return nil // a signal while still connecting, or the terminal was closed
	}
	return err
}

func (p *program) serve(ctx context.Context, hurry <-chan struct{}) error {
	hangup := forward.CatchHangup()
	defer hangup.Stop()
	stream, err := p.observe(p.settings.Log)
	if err != nil {
		return err
	}
	defer stream.close()
	pool := p.newPool(stream)
	defer pool.Close()
	s, err := p.service(ctx, pool, stream)
	if err != nil {
		return err
	}
	defer s.Listeners.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer hangup.Watch(ctx, pool.Reload, end)()
	if err := s.Group.Open(ctx); err != nil {
		return err
	}
	stream.Flush(patience) // a script that waits for the port may then read the log
	for _, l := range s.Listeners {
		show(p.stdout, l.URL()+"\n")
	}
	return s.Serve(ctx, hurry)
}

// errInterrupted reports that the program was interrupted before it had done
// anything, or at a question.
var errInterrupted = errors.New("interrupted")

// stopped returns err, of a command that ran until ctx was done, or the signal that
// stopped it.
func stopped(ctx context.Context, err error) error {
	switch {
	case forward.Interrupted(ctx):
		return errInterrupted
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// A checkRun is how the command check looks at the FTP server, and reports.
type checkRun struct {
	user, passwordFile string
	json               bool
}

// check is the command check. Its findings are in the report and in the exit
// status.
func (p *program) check(ctx context.Context, r checkRun) error {
	typed := p.settings.Command
	switch {
	case len(p.settings.Forwards) != 1 || p.settings.Forwards[0].Server == "":
		return &settings.Error{Text: "check looks at one FTP server", Hint: typed.Without("listen", "dynamic", "allow-target").With(p.in.Gateway, "ftp-host").String()}
	case len(p.settings.Gateways) > 1:
		return &settings.Error{Text: "check looks at one gateway", Hint: typed.With(append([]string{p.settings.Gateways[0]}, typed.Args[1:]...)...).String()}
	case strings.ContainsFunc(r.user, unicode.IsControl):
		return &settings.Error{Text: fmt.Sprintf("not a user name: %q", r.user), Hint: "--user bob"}
	}
	var password *string
	if r.passwordFile != "" {
		text, err := settings.ReadPassword(r.passwordFile)
		if err != nil {
			return err
		}
		password = &text
	}
	ctx, stop := forward.UntilSignal(ctx)
	defer stop()
	log := p.settings.Log
	if log.Level == slog.LevelInfo {
		log.Level = settings.LevelNotice // the report has the rest
	}
	stream, err := p.observe(log)
	if err != nil {
		return err
	}
	defer stream.close()
	works, err := check.Run(ctx, check.Options{
		Settings: p.settings, User: r.user, Password: password, JSON: r.json, Advise: p.adviser(""),
		Command: typed.Without("user", "json", "password-file").WithCommand("ftptunnel").String(),
		Connect: func(ctx context.Context, gateway string, hops []tunnel.Hop) tunnel.Config {
			return p.connectWith(ctx, gateway, hops, stream)
		},
		Ask:  p.asker(stream),
		Warn: func(text string) { p.warn(stream, text) },
	}, outputUntil{ctx, p.stdout})
	if !works {
		p.status = 1
	}
	return stopped(ctx, err)
}

// warn shows what ssh prints about a host key.
func (p *program) warn(stream *views, text string) {
	if p.settings.Log.JSON {
		stream.Publish(events.Event{Kind: events.HostKeyNotice, Gateway: p.settings.Gateways[0], Text: text})
		return
	}
	show(p.stderr, terminal.Printable(text)+"\n")
}

// newPool returns a pool whose gateways are connected to as ssh would.
func (p *program) newPool(stream *views) *gateway.Pool {
	open := func(ctx context.Context, name string, hops []tunnel.Hop) (gateway.Tunnel, error) {
		t, err := tunnel.Open(ctx, p.connectWith(ctx, name, hops, stream))
		if err != nil {
			return nil, err // not a nil *tunnel.Tunnel
		}
		return t, nil
	}
	return gateway.NewPool(resolve, open, stream.Publish)
}

// resolve returns the hops to a gateway.
func resolve(ctx context.Context, d gateway.Destination) ([]tunnel.Hop, error) {
	return sshconfig.Resolve(ctx, d.Name, d.Options)
}

// service opens the ports and returns a service that forwards their clients. It
// opens no SSH connection.
func (p *program) service(ctx context.Context, pool *gateway.Pool, stream *views) (*forward.Service, error) {
	listeners, err := forward.Listen(ctx, p.settings.Forwards)
	if err != nil {
		return nil, err
	}
	for _, address := range listeners.Exposed() {
		stream.Publish(events.Event{Kind: events.PortExposed, Listener: address})
	}
	group, err := pool.Group(ctx, gateway.Destinations(p.settings), p.settings.Servers())
	if err != nil {
		listeners.Close()
		return nil, err
	}
	return &forward.Service{
		Settings: p.settings, Listeners: listeners, Group: group, Publish: stream.Publish, Abort: pool.Close,
	}, nil
}

// connectWith returns how to connect to a gateway's hops. It asks at the terminal,
// and publishes everything else to stream.
func (p *program) connectWith(ctx context.Context, gateway string, hops []tunnel.Hop, stream *views) tunnel.Config {
	ask, denied := p.asker(stream), false
	if put := ask; put != nil {
		ask = func(ctx context.Context, question string, echo bool) (string, error) {
			if denied { // in front of the question, as with ssh, instead of in the log
				question, denied = "Permission denied, please try again.\n"+question, false
			}
			return put(ctx, question, echo)
		}
	}
	cfg := connect.Config(ctx, hops, ask, func(text string) {
		stream.Publish(events.Event{Kind: events.HostKeyNotice, Gateway: gateway, Text: text})
	})
	cfg.Observe = func(e tunnel.Event) {
		if e.Kind == tunnel.Warning && e.Warning == tunnel.PasswordWarning {
			denied = true
			return
		}
		stream.Publish(events.OfTunnel(gateway, e))
	}
	return cfg
}

// asker returns an asker that first lets the log be written, since a banner comes
// before the question, or nil if nobody can be asked.
func (p *program) asker(stream *views) terminal.Asker {
	put := terminal.NewAsker()
	if put == nil {
		return nil
	}
	return func(ctx context.Context, question string, echo bool) (string, error) {
		stream.Flush(patience)
		answer, err := put(ctx, question, echo)
		if ctx.Err() != nil {
			p.unanswered.Store(true)
		}
		return answer, err
	}
}
