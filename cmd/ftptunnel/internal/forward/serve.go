package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/owner"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// stopLimit is how long sessions have to end after the drain timeout, before the
// SSH connections are closed: a gateway that does not answer must not keep the
// program from stopping.
const stopLimit = 5 * time.Second

// A Service forwards the clients of its listeners. Set its fields before calling
// Serve.
type Service struct {
	Tunnel    string // its name in events, if it has one
	Settings  *settings.Settings
	Listeners Listeners // one for each of the settings' forwards
	Group     *gateway.Group
	Publish   func(events.Event)

	// Lasting makes Serve last until its context is done: a server whose name does
	// not exist is no reason to end it.
	Lasting bool

	// Abort, if not nil, closes the gateways' connections. Serve calls it if sessions
	// do not end in time.
	Abort func()

	mu         sync.Mutex
	forwarders []*ftpfwd.Forwarder // of Serve
}

// Serve serves clients until ctx is done, or until no gateway can be used any
// more or the only FTP server's name does not exist, which are errors. Once ctx
// is done, transfers may finish within the drain timeout, or until hurry is
// closed. It returns when every session has ended, and closes the listeners.
func (s *Service) Serve(ctx context.Context, hurry <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	var servers, watch sync.WaitGroup
	var forwarders []*ftpfwd.Forwarder
	for _, forward := range s.Settings.Forwards {
		f := s.forwarder(forward.Server)
		f.Connect = s.connecter(!s.Lasting && len(s.Listeners) == 1 && f.Server != "", cancel)
		forwarders = append(forwarders, f)
	}
	s.mu.Lock()
	s.forwarders = forwarders
	s.mu.Unlock()
	watch.Go(func() { s.watch(ctx, cancel, hurry, ended) })
	for i, l := range s.Listeners {
		servers.Go(func() {
			if err := forwarders[i].Serve(ctx, l); err != nil {
				cancel(err)
			}
		})
	}
	servers.Wait()
	close(ended)
	watch.Wait()
	stopped := new(Stopped)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.As(cause, &stopped) {
		return cause
	}
	return nil
}

// watch ends the service when no gateway can be used, and then aborts sessions that
// do not end in time.
func (s *Service) watch(ctx context.Context, cancel context.CancelCauseFunc, hurry, ended <-chan struct{}) {
	drain := s.Settings.FTP.DrainTimeout
	select {
	case <-s.Group.Done():
		cancel(s.Group.Err())
	case <-ctx.Done():
		e := events.Event{Kind: events.Stopping, Tunnel: s.Tunnel}
		if s.Clients().Transfers > 0 {
			e.Wait = drain
		}
		s.Publish(e)
	}
	if s.Abort != nil {
		AbortLate(drain, hurry, ended, s.Abort)
	}
}

// AbortLate calls abort if sessions that have drain to finish have not ended a
// while after that, or when hurry is closed before.
func AbortLate(drain time.Duration, hurry, ended <-chan struct{}, abort func()) {
	late := time.NewTimer(drain + stopLimit)
	defer late.Stop()
	select {
	case <-late.C:
		abort()
	case <-hurry:
		abort()
	case <-ended:
	}
}

// connecter returns what makes control connections. If a wrong name on the command
// line is to end the service, it does so the first time that the gateway reports
// that the name of the server does not exist, unless the server has been reached
// before: what is wrong then needs the user, and trying again does not help. A
// server that is down, or a name server that does not answer, does not end it.
func (s *Service) connecter(mayEnd bool, end context.CancelCauseFunc) func(context.Context, string) (ftpfwd.Route, error) {
	var reached atomic.Bool
	return func(ctx context.Context, server string) (ftpfwd.Route, error) {
		route, err := s.Group.Connect(ctx, server)
		switch {
		case err == nil:
			reached.Store(true)
		case mayEnd && !reached.Load() && noSuchName(err):
			end(err)
		}
		return route, wording.In(err)
	}
}

// noSuchName reports whether every gateway that err is about reports that a name
// does not exist.
func noSuchName(err error) bool {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return !slices.ContainsFunc(several.Unwrap(), func(err error) bool { return !noSuchName(err) })
	}
	var open *tunnel.OpenError
	return errors.As(err, &open) && open.Jump == "" && open.Unresolved() == tunnel.NoSuchName
}

// forwarder returns a forwarder to server.
func (s *Service) forwarder(server string) *ftpfwd.Forwarder {
	f := s.Settings.FTP
	ownerOf := userOf
	if f.Users == nil {
		ownerOf = nil // everybody may connect
	}
	return &ftpfwd.Forwarder{
		Server:        server,
		Targets:       ftpfwd.Targets{Allowed: f.Targets, FarEnd: s.farEnd},
		Owner:         ownerOf,
		Lookup:        lookup,
		Users:         f.Users,
		MaxClients:    f.MaxClients,
		ServerMode:    f.ServerMode,
		ActiveAddress: f.ActiveAddress,
		ReplyNetworks: f.ReplyNetworks,
		ForeignPorts:  f.ForeignPorts,
		DataTimeout:   f.DataTimeout,
		DrainTimeout:  f.DrainTimeout,
		Observe:       s.observe,
	}
}

// farEnd returns the names and addresses that the gateways are known by.
func (s *Service) farEnd() []string {
	names := s.Group.Names()
	if a := s.Settings.FTP.ActiveAddress; a.IsValid() {
		names = append(names, a.String())
	}
	return names
}

// userOf returns the user who owns a connection, as [ftpfwd.Forwarder] asks for.
func userOf(conn net.Conn) (string, error) {
	id, err := owner.Of(conn)
	if errors.Is(err, owner.ErrGone) {
		err = fmt.Errorf("%w: %w", ftpfwd.ErrOwnerGone, err)
	}
	return id, err
}

// observe publishes an event of a session. If there is only one gateway, it names
// that as the one through which a server is unreachable; if there are several, the
// error does.
func (s *Service) observe(e ftpfwd.Event) {
	if e.Warning == ftpfwd.ServerUnreachable && len(s.Settings.Gateways) == 1 {
		e.Gateway = s.Settings.Gateways[0]
	}
	of := events.OfSession(e)
	of.Tunnel = s.Tunnel
	s.Publish(of)
}

// lookup returns the addresses of a host name that this machine knows.
func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
