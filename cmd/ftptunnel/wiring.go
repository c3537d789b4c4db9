package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"example.org/ftptunnel/cmd/ftptunnel/internal/check"
	"example.org/ftptunnel/cmd/ftptunnel/internal/child"
	"example.org/ftptunnel/cmd/ftptunnel/internal/connect"
	"example.org/ftptunnel/cmd/ftptunnel/internal/eventlog"
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
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // a signal while still connecting
	}
	return err
}

func (p *program) serve(ctx context.Context, hurry <-chan struct{}) error {
	stream := p.observe(p.settings.Log)
	defer stream.Close(patience)
	s, err := p.service(ctx, stream)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Group.Open(ctx); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer forward.OnHangup(ctx, s.Pool.Reload, end)()
	stream.Flush(patience) // a script that waits for the port may then read the log
	for _, l := range s.Listeners {
		show(p.stdout, l.URL()+"\n")
	}
	return s.Serve(ctx, hurry)
}

// runChild runs command with a tunnel, and sets the exit status to its own.
func (p *program) runChild(ctx context.Context, command []string) error {
	if len(p.settings.Forwards) != 1 {
		return &settings.Error{Text: "a command is run with one FTP server", Hint: "give -L once, or not at all"}
	}
	stream := p.observe(p.settings.Log)
	defer stream.Close(patience)
	up, stop := signal.NotifyContext(ctx, child.StopSignals...)
	defer stop()
	s, err := p.service(up, stream)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Group.Choose(up); err != nil {
		if up.Err() != nil {
			return errors.New("interrupted before the tunnel came up")
		}
		return err
	}
	stop() // from here on signals are the command's

	serving, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- s.Serve(serving, nil) }()
	status, err := child.Run(command, s.Listeners[0].Address())
	end()
	if err := <-served; err != nil {
		stream.Publish(events.Event{Kind: events.ServeFailed, Err: err})
	}
	p.status = status
	if err != nil {
		show(p.stderr, fmt.Sprintf("error: %v\n", err))
	}
	return nil
}

// check is the command check. Its findings are in the report and in the exit
// status.
func (p *program) check(ctx context.Context, user string, asJSON bool, command string) error {
	switch {
	case len(p.settings.Forwards) != 1 || p.settings.Forwards[0].Server == "":
		return &settings.Error{Text: "check looks at one FTP server", Hint: "ftptunnel check " + p.in.Gateway + " ftp-host"}
	case len(p.settings.Gateways) > 1:
		return &settings.Error{Text: "check looks at one gateway", Hint: "ftptunnel check " + p.settings.Gateways[0]}
	case strings.ContainsFunc(user, unicode.IsControl):
		return &settings.Error{Text: fmt.Sprintf("not a user name: %q", user), Hint: "--user bob"}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := p.settings.Log
	if log.Level == slog.LevelInfo {
		log.Level = settings.LevelNotice // the report has the rest
	}
	stream := p.observe(log)
	defer stream.Close(patience)
	works, err := check.Run(ctx, check.Options{
		Settings: p.settings, User: user, JSON: asJSON, Command: command,
		Connect: func(ctx context.Context, gateway string, hops []tunnel.Hop) tunnel.Config {
			return connectWith(ctx, gateway, hops, stream)
		},
		Warn: func(text string) { show(p.stderr, text+"\n") },
	}, p.stdout)
	if !works {
		p.status = 1
	}
	return err
}

// observe returns a stream of events that the log observes.
func (p *program) observe(s settings.Log) *events.Stream {
	stream := &events.Stream{}
	stream.Observe(eventlog.New(p.stderr, s).Observer())
	return stream
}

// service opens the ports and returns a service that forwards their clients. It
// opens no SSH connection.
func (p *program) service(ctx context.Context, stream *events.Stream) (*forward.Service, error) {
	listeners, err := forward.Listen(ctx, p.settings.Forwards)
	if err != nil {
		return nil, err
	}
	for _, address := range listeners.Exposed() {
		stream.Publish(events.Event{Kind: events.PortExposed, Listener: address})
	}
	resolve := func(ctx context.Context, name string) ([]tunnel.Hop, error) {
		return sshconfig.Resolve(ctx, name, p.settings.SSH)
	}
	open := func(ctx context.Context, name string, hops []tunnel.Hop) (gateway.Tunnel, error) {
		t, err := tunnel.Open(ctx, connectWith(ctx, name, hops, stream))
		if err != nil {
			return nil, err // not a nil *tunnel.Tunnel
		}
		return t, nil
	}
	s := &forward.Service{
		Settings: p.settings, Listeners: listeners,
		Pool: gateway.NewPool(resolve, open, stream.Publish), Publish: stream.Publish,
	}
	if s.Group, err = s.Pool.Group(ctx, p.settings.Gateways, p.settings.Servers()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// connectWith returns how to connect to a gateway's hops. It asks at the terminal,
// and publishes everything else to stream.
func connectWith(ctx context.Context, gateway string, hops []tunnel.Hop, stream *events.Stream) tunnel.Config {
	ask := terminal.NewAsker()
	if put := ask; put != nil {
		ask = func(ctx context.Context, question string, echo bool) (string, error) {
			stream.Flush(patience) // show a banner before the question
			return put(ctx, question, echo)
		}
	}
	cfg := connect.Config(ctx, hops, ask, func(text string) {
		stream.Publish(events.Event{Kind: events.HostKeyNotice, Gateway: gateway, Text: text})
	})
	cfg.Observe = func(e tunnel.Event) { stream.Publish(events.OfTunnel(gateway, e)) }
	return cfg
}
