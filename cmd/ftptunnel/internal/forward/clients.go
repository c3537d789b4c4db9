package forward

import (
	"context"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
)

// Clients are the clients of a service at one time.
type Clients struct {
	Connected int
	Transfers int   // that run, or may
	begun     int64 // transfers, and the bytes of those that run: it changes when one does something
}

// askLimit bounds how long sessions have to describe themselves.
const askLimit = time.Second / 4

// Clients returns the clients that are connected, or have left a transfer behind. A
// session that does not describe itself in time may transfer something. Any
// goroutine may call it.
func (s *Service) Clients() (c Clients) {
	s.mu.Lock()
	forwarders := s.forwarders
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	for _, f := range forwarders {
		for _, session := range f.Sessions(ctx) {
			if session.Left && len(session.Transfers) == 0 {
				continue // only the server has not ended yet
			}
			c.Connected++
			c.begun += session.ID
			for _, t := range session.Transfers {
				c.Transfers++
				c.begun += t.Number + t.Bytes
			}
		}
	}
	if ctx.Err() != nil {
		c.Connected, c.Transfers = max(1, c.Connected), max(1, c.Transfers)
	}
	return c
}

const (
	lookEvery = 50 * time.Millisecond // how often WaitForClients looks
	sayAfter  = time.Second / 2       // it then says for whom it waits
)

// WaitForClients waits until no client is connected. It returns before that when ctx
// is done, or when for the given time no client has begun a transfer and no transfer
// has moved. If it waits for more than a moment, it publishes for how many.
func (s *Service) WaitForClients(ctx context.Context, limit time.Duration) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	began := time.Now()
	moved, said, last := began, false, s.Clients()
	for last.Connected > 0 && time.Since(moved) < limit {
		if !said && time.Since(began) >= sayAfter {
			said = true
			s.Publish(events.Event{Kind: events.ClientsRemain, Count: int64(last.Connected), Transfers: last.Transfers, Wait: limit})
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		now := s.Clients()
		if now != last {
			moved, last = time.Now(), now
		}
	}
}
