package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/owner"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
)

// stopLimit is how long sessions have to end after the drain timeout, before the
// SSH connections are closed: a gateway that does not answer must not keep the
// program from stopping.
const stopLimit = 5 * time.Second

// A Service forwards the clients of its listeners.
type Service struct {
	Settings  *settings.Settings
	Listeners Listeners // one for each of the settings' forwards
	Pool      *gateway.Pool
	Group     *gateway.Group // of the pool
	Publish   func(events.Event)
}

// Serve serves clients until ctx is done, or until no gateway can be used any
// more, which is an error. Once ctx is done, transfers may finish within the
// drain timeout, or until hurry is closed. It returns when every session has
// ended, and closes the listeners.
func (s *Service) Serve(ctx context.Context, hurry <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	var servers, watch sync.WaitGroup
	watch.Go(func() { s.watch(ctx, cancel, hurry, ended) })
	for i, l := range s.Listeners {
		f := s.forwarder(s.Settings.Forwards[i].Server)
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

// Close closes the listeners and all SSH connections.
func (s *Service) Close() {
	s.Listeners.Close()
	s.Pool.Close()
}

// watch ends the service when no gateway can be used, and then closes the
// gateways if sessions do not end in time.
func (s *Service) watch(ctx context.Context, cancel context.CancelCauseFunc, hurry, ended <-chan struct{}) {
	drain := s.Settings.FTP.DrainTimeout
	select {
	case <-s.Group.Done():
		cancel(s.Group.Err())
	case <-ctx.Done():
		s.Publish(events.Event{Kind: events.Stopping, Wait: drain})
	}
	select {
	case <-time.After(drain + stopLimit):
		s.Pool.Close()
	case <-hurry:
		s.Pool.Close()
	case <-ended:
	}
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
		Connect:       s.Group.Connect,
		Owner:         ownerOf,
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
	s.Publish(events.OfSession(e))
}
