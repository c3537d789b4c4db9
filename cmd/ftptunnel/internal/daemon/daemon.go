// Package daemon runs the tunnels of a configuration file side by side.
//
// Tunnels share the gateways of one pool. [Daemon.Apply] starts, changes and ends
// tunnels so that those run that it is given; the others are left alone.
package daemon

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/config"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
)

// A Daemon runs tunnels. Set its fields before the first Apply. Its methods may be
// called from several goroutines.
type Daemon struct {
	Pool    *gateway.Pool // a lasting one; the daemon closes it
	Publish func(events.Event)

	tasks sync.WaitGroup // tunnels

	mu       sync.Mutex
	running  []*running    // that accept clients, in the order of the file
	longest  time.Duration // of all drain timeouts so far
	applying sync.Mutex    // held by Apply
}

// A running is a tunnel that runs.
type running struct {
	config.Tunnel
	service *forward.Service
	stop    context.CancelFunc // ends it
	ending  atomic.Bool        // it is to end
}

// Apply makes the given tunnels run until ctx is done, which must be the same at
// each call. It leaves alone those that run with the same settings. Others of the
// same name are replaced, and those that are not given are ended: their ports close
// or pass to the new ones, and their transfers may finish within their drain timeout.
//
// If a port cannot be opened or the ssh configuration of a gateway is invalid,
// nothing is changed. Apply opens no SSH connection: tunnels do.
func (d *Daemon) Apply(ctx context.Context, tunnels []config.Tunnel) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	before := d.list()
	var next, added, ending []*running
	for _, t := range before {
		if !slices.ContainsFunc(tunnels, t.is) {
			ending = append(ending, t)
		}
	}
	for _, t := range tunnels {
		if i := slices.IndexFunc(before, func(other *running) bool { return other.is(t) }); i >= 0 {
			next = append(next, before[i])
			continue
		}
		opened, err := d.open(ctx, t, ending)
		if err != nil {
			d.discard(added)
			return err
		}
		next, added = append(next, opened), append(added, opened)
	}
	d.mu.Lock()
	d.running = next
	for _, t := range added {
		d.longest = max(d.longest, t.Settings.FTP.DrainTimeout)
	}
	d.mu.Unlock()
	d.replace(ctx, before, added, ending)
	return nil
}

// is reports whether t runs with the settings of another tunnel of its name.
func (t *running) is(other config.Tunnel) bool {
	return t.Name == other.Name && reflect.DeepEqual(t.Settings, other.Settings)
}

// list returns the tunnels that accept clients.
func (d *Daemon) list() []*running {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.running)
}

// open opens the ports of a tunnel. It takes over those of the tunnels that end, but
// a port that the system chose only from a tunnel of its own name.
func (d *Daemon) open(ctx context.Context, t config.Tunnel, ending []*running) (*running, error) {
	var open []forward.Listener
	for _, other := range ending {
		for _, l := range other.service.Listeners {
			if other.Name == t.Name || l.Fixed() {
				open = append(open, l)
			}
		}
	}
	listeners, err := forward.Listen(ctx, t.Settings.Forwards, open...)
	if err != nil {
		return nil, fmt.Errorf("tunnel %s: %w", t.Name, err)
	}
	group, err := d.Pool.Group(ctx, gateway.Destinations(t.Settings), t.Settings.Servers())
	if err != nil {
		listeners.Close()
		return nil, fmt.Errorf("tunnel %s: %w", t.Name, err)
	}
	return &running{Tunnel: t, service: &forward.Service{
		Tunnel: t.Name, Settings: t.Settings, Listeners: listeners, Group: group, Publish: d.Publish, Lasting: true,
	}}, nil
}

// discard closes tunnels that have not been started.
func (d *Daemon) discard(tunnels []*running) {
	for _, t := range tunnels {
		t.service.Listeners.Close()
		d.Pool.Remove(t.service.Group)
	}
}

// replace ends tunnels and starts others.
func (d *Daemon) replace(ctx context.Context, before, added, ending []*running) {
	for _, t := range ending {
		if !slices.ContainsFunc(added, t.sameName) {
			d.Publish(events.Event{Kind: events.TunnelRemoved, Tunnel: t.Name})
		}
		t.end()
	}
	for _, t := range added {
		kind := events.TunnelAdded
		if slices.ContainsFunc(before, t.sameName) {
			kind = events.TunnelChanged
		}
		if len(before) > 0 { // at the start no tunnel is news
			d.Publish(events.Event{Kind: kind, Tunnel: t.Name})
		}
		for _, address := range t.service.Listeners.Exposed() {
			d.Publish(events.Event{Kind: events.PortExposed, Tunnel: t.Name, Listener: address})
		}
		d.start(ctx, t)
	}
	if len(added) == 0 && len(ending) == 0 {
		d.Publish(events.Event{Kind: events.FileUnchanged})
	}
}

func (t *running) sameName(other *running) bool { return t.Name == other.Name }

// start serves the clients of a tunnel until ctx is done or the tunnel is stopped.
func (d *Daemon) start(ctx context.Context, t *running) {
	ctx, t.stop = context.WithCancel(ctx)
	d.tasks.Go(func() {
		var keep sync.WaitGroup
		keep.Go(func() { t.service.Group.Keep(ctx) })
		if err := t.service.Serve(ctx, nil); err != nil && !t.ending.Load() {
			d.Publish(events.Event{Kind: events.ServeFailed, Tunnel: t.Name, Err: err})
			d.forget(t) // so that Apply starts it again
		}
		t.stop()
		keep.Wait()
		d.Pool.Remove(t.service.Group)
	})
}

// end ends a tunnel. When it returns, no client is accepted any more: the next one
// reaches the successor.
func (t *running) end() {
	t.ending.Store(true)
	t.service.Listeners.Close()
	t.stop()
}

// forget removes a tunnel that has ended by itself.
func (d *Daemon) forget(t *running) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = slices.DeleteFunc(slices.Clone(d.running), func(other *running) bool { return other == t })
}

// Wait waits until the context of Apply is done and all tunnels have ended, and
// closes the pool. When hurry is closed, or sessions do not end in time, it closes the
// pool at once.
func (d *Daemon) Wait(ctx context.Context, hurry <-chan struct{}) {
	<-ctx.Done()
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { forward.AbortLate(d.drain(), hurry, ended, d.Pool.Close) })
	d.tasks.Wait()
	close(ended)
	watch.Wait()
	d.Pool.Close()
}

func (d *Daemon) drain() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.longest
}

// Listeners returns the ports of the tunnels that accept clients, by the tunnel's
// name, in order.
func (d *Daemon) Listeners(each func(tunnel string, l forward.Listener)) {
	for _, t := range d.list() {
		for _, l := range t.service.Listeners {
			each(t.Name, l)
		}
	}
}
