package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/connect"
	"example.org/ftptunnel/cmd/ftptunnel/internal/eventlog"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/owner"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// How long sessions have to end once the program stops, before the SSH
// connection is closed under them: a gateway that does not answer must not
// keep it from stopping.
const stopAtMost = 5 * time.Second

var _ ftpfwd.Network = (*tunnel.Tunnel)(nil)

// forward is the program without a subcommand: it forwards until a signal, and
// a second one has it end at once.
func (p *program) forward(ctx context.Context) error {
	ctx, hurry, stop := signalled(ctx)
	defer stop()
	err := p.serve(ctx, hurry)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // interrupted while still connecting
	}
	return err
}

// signalled returns a context that the first SIGINT or SIGTERM ends, and a
// channel that the second closes. A third one kills the program. Stop has to be
// called.
func signalled(ctx context.Context) (first context.Context, second <-chan struct{}, stop func()) {
	first, end := context.WithCancel(ctx)
	hurry, done := make(chan struct{}), make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watch sync.WaitGroup
	watch.Go(func() {
		defer signal.Stop(signals)
		for _, act := range []func(){end, func() { close(hurry) }} {
			select {
			case <-signals:
				act()
			case <-done:
				return
			}
		}
	})
	return first, hurry, func() {
		close(done)
		watch.Wait()
		end()
	}
}

func (p *program) serve(ctx context.Context, hurry <-chan struct{}) error {
	stream := p.logEvents(p.settings.Log)
	defer stream.Close(patience)
	listeners, err := forward.Listen(ctx, p.settings.Forwards)
	if err != nil {
		return err
	}
	defer listeners.Close()
	for _, address := range listeners.Exposed() {
		stream.Publish(events.Event{Kind: events.PortExposed, Listener: address})
	}
	pool, group, err := p.gateways(ctx, stream)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := group.Open(ctx); err != nil {
		return err
	}
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	defer p.reloadOnHangup(ctx, pool, hangUp)()
	stream.Flush(patience) // what led to it is logged before the ports are ready
	for _, l := range listeners {
		fmt.Fprintf(p.stdout, "%s\n", forward.URL(l.Addr()))
	}
	return p.forwardAll(ctx, hurry, pool, group, listeners, stream)
}

// gateways returns the gateways of the settings.
func (p *program) gateways(ctx context.Context, stream *events.Stream) (*gateway.Pool, *gateway.Group, error) {
	resolve := func(ctx context.Context, name string) ([]tunnel.Hop, error) {
		return sshconfig.Resolve(ctx, name, p.settings.SSH)
	}
	open := func(ctx context.Context, name string, hops []tunnel.Hop) (gateway.Tunnel, error) {
		t, err := tunnel.Open(ctx, tunnelConfig(ctx, name, hops, stream))
		if err != nil {
			return nil, err // not a nil *tunnel.Tunnel
		}
		return t, nil
	}
	pool := gateway.NewPool(resolve, open, stream.Publish)
	group, err := pool.Group(ctx, p.settings.Gateways, p.settings.Servers())
	return pool, group, err
}

// patience bounds the wait for standard error to be read.
const patience = time.Second

// logEvents returns a stream of events whose observer is the log.
func (p *program) logEvents(s settings.Log) *events.Stream {
	stream := &events.Stream{}
	stream.Observe(eventlog.New(p.stderr, s).Observer())
	return stream
}

// tunnelConfig returns how to connect to a gateway's hops.
func tunnelConfig(ctx context.Context, gateway string, hops []tunnel.Hop, stream *events.Stream) tunnel.Config {
	ask := terminal.NewAsker()
	if terminal := ask; terminal != nil {
		ask = func(ctx context.Context, question string, echo bool) (string, error) {
			stream.Flush(patience) // a banner comes before the question
			return terminal(ctx, question, echo)
		}
	}
	cfg := connect.Config(ctx, hops, ask, func(text string) {
		stream.Publish(events.Event{Kind: events.HostKeyNotice, Gateway: gateway, Text: text})
	})
	cfg.Observe = func(e tunnel.Event) { stream.Publish(events.OfTunnel(gateway, e)) }
	return cfg
}

// forwardAll serves every listener until ctx is done or no gateway can be used
// any more. Once ctx is done, transfers have until hurry is closed, or the time of
// --drain-timeout is over.
func (p *program) forwardAll(ctx context.Context, hurry <-chan struct{}, pool *gateway.Pool, group *gateway.Group, listeners forward.Listeners, stream *events.Stream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var servers, watch sync.WaitGroup
	ended := make(chan struct{})
	watch.Go(func() {
		select {
		case <-group.Done():
			cancel(group.Err())
		case <-ctx.Done():
			stream.Publish(events.Event{Kind: events.Stopping, Wait: p.settings.FTP.DrainTimeout})
		}
		select {
		case <-time.After(p.settings.FTP.DrainTimeout + stopAtMost):
			pool.Close()
		case <-hurry:
			pool.Close()
		case <-ended:
		}
	})
	for i, l := range listeners {
		f := newForwarder(p.settings.FTP)
		f.Server, f.Connect = p.settings.Forwards[i].Server, group.Connect
		f.Observe = func(e ftpfwd.Event) { stream.Publish(events.OfSession(e)) }
		servers.Go(func() {
			if err := f.Serve(ctx, l); err != nil {
				cancel(err)
			}
		})
	}
	servers.Wait()
	close(ended)
	watch.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// newForwarder returns a forwarder with the settings of s.
func newForwarder(s settings.FTP) *ftpfwd.Forwarder {
	return &ftpfwd.Forwarder{
		Owner: owner.Of, Users: s.Users, Targets: s.Targets, MaxClients: s.MaxClients,
		ServerMode: s.ServerMode, ActiveAddress: s.ActiveAddress, ReplyNetworks: s.ReplyNetworks, ForeignPorts: s.ForeignPorts,
		DataTimeout: s.DataTimeout, DrainTimeout: s.DrainTimeout,
	}
}
