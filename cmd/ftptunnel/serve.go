package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/config"
	"example.org/ftptunnel/cmd/ftptunnel/internal/daemon"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/tunnel"
)

// A source is the configuration file of the command serve.
type source struct {
	path  string   // if empty, it is looked for
	names []string // of the tunnels to use; all if there are none
}

// read reads the file, again if it has been read before.
func (p *program) read(s *source) (*config.File, error) {
	if s.path == "" {
		path, err := config.Find()
		if err != nil {
			return nil, err
		}
		s.path = path
	}
	return config.Read(s.path, s.names, p.in.Command)
}

// serveFile is the command serve: it runs the tunnels of a file until a signal.
func (p *program) serveFile(ctx context.Context, s *source) error {
	ctx, hurry, stop := forward.OnSignals(ctx)
	defer stop()
	hangup := forward.CatchHangup()
	defer hangup.Stop()
	file, err := p.read(s)
	if err != nil {
		return err
	}
	if file.Log.JSON {
		p.in.LogFormat = "json" // of the line about an error, too
	}
	stream, err := p.observe(file.Log)
	if err != nil {
		return err
	}
	defer stream.close()
	pool := p.newPool(stream)
	pool.Lasting = true
	p.pool = pool
	d := &daemon.Daemon{Pool: pool, Publish: stream.Publish}
	ctx, end := context.WithCancel(ctx)
	defer end()
	if err := d.Apply(ctx, file.Tunnels); err != nil {
		pool.Close()
		if ctx.Err() != nil {
			return nil // a signal
		}
		return err
	}
	stream.Flush(patience)
	d.Listeners(func(name string, l forward.Listener) { show(p.stdout, l.URL()+" "+name+"\n") })
	reload := func(reloading context.Context) {
		if err := p.reload(ctx, s, d, stream); err != nil {
			stream.Publish(events.Event{Kind: events.FileRejected, Err: err})
			return
		}
		pool.Reload(reloading)
	}
	defer hangup.Watch(ctx, reload, end)()
	d.Wait(ctx, hurry)
	return nil
}

// reload reads the file again and applies it.
func (p *program) reload(ctx context.Context, s *source, d *daemon.Daemon, stream *views) error {
	file, err := p.read(s)
	if err != nil {
		return err
	}
	return stream.configure(file.Log, func() error { return d.Apply(ctx, file.Tunnels) })
}

// resolveLimit bounds how long serve --check waits for each gateway's configuration.
const resolveLimit = 30 * time.Second

// plan prints what serve would do. It opens no port and no connection.
func (p *program) plan(ctx context.Context, s *source) error {
	ctx, stop := forward.UntilSignal(ctx)
	defer stop()
	file, err := p.read(s)
	if err != nil {
		return err
	}
	out := outputUntil{ctx, p.stdout}
	var gateways []string
	routes := map[string]string{} // by destination: a file may have many tunnels of one gateway
	for _, t := range file.Tunnels {
		fmt.Fprintf(out, "%s\n", t.Name)
		for _, f := range t.Settings.Forwards {
			server := f.Server
			if server == "" {
				server = "the server that each login names"
			}
			fmt.Fprintf(out, "  port     %s, for %s\n", f.Listen, server)
		}
		for _, d := range gateway.Destinations(t.Settings) {
			to, known := routes[fmt.Sprint(d)]
			if !known {
				if to, err = route(ctx, d); err != nil {
					return stopped(ctx, fmt.Errorf("tunnel %s: %w", t.Name, err))
				}
				routes[fmt.Sprint(d)] = to
			}
			if !slices.Contains(gateways, to) {
				gateways = append(gateways, to)
			}
			fmt.Fprintf(out, "  gateway  %s: %s\n", terminal.OneLine(d.Name), terminal.OneLine(to))
		}
	}
	_, err = fmt.Fprintf(out, "%s can be used: %s, %s\n", s.path, wording.Count(len(file.Tunnels), "tunnel"), wording.Count(len(gateways), "gateway"))
	return err
}

// route returns the hops to a gateway as text.
func route(ctx context.Context, d gateway.Destination) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	hops, err := resolve(ctx, d)
	if err != nil {
		return "", err
	}
	var names []string
	for _, h := range hops {
		names = append(names, address(h))
	}
	slices.Reverse(names)
	return strings.Join(names, " through "), nil
}

// address returns what a connection to a hop is made to.
func address(h tunnel.Hop) string {
	return fmt.Sprintf("%s@%s port %d", h.User, h.HostName, h.Port)
}
