package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/ftpfwd"
)

// spareFor is how long the connection of a probe waits for a client. After that it
// is closed with QUIT: a server that has one place only has it for others then.
const spareFor = 5 * time.Second

// A spare is the control connection of a probe: the server has greeted, and no
// client has it yet. The first client gets it, since the server may have one place
// only.
type spare struct {
	conn    *greeting.Conn
	member  *member
	through *connection // which the spare uses
	server  string
	taken   chan struct{} // closed when it is no spare any more
}

// quit ends the spare's session and waits for the server's end of it.
func (s *spare) quit() {
	s.conn.Quit()
	s.member.release(s.through)
}

// quitAll is quit for several at the same time.
func quitAll(spares []*spare) {
	var quits sync.WaitGroup
	for _, s := range spares {
		quits.Go(s.quit)
	}
	quits.Wait()
}

// greet connects to each server through m and waits for all greetings. It returns
// the connections, unless one of the servers does not greet.
func (g *Group) greet(ctx context.Context, m *member, through *connection) ([]*spare, error) {
	servers := slices.Clone(g.servers) // each once, however many ports lead to it
	slices.Sort(servers)
	servers = slices.Compact(servers)
	found, errs := make([]*spare, len(servers)), make([]error, len(servers))
	var waits sync.WaitGroup
	for i, server := range servers {
		waits.Go(func() {
			conn, err := greeting.Wait(ctx, through, server)
			if err != nil {
				errs[i] = err
				return
			}
			m.share(through)
			found[i] = &spare{conn: conn, member: m, through: through, server: server, taken: make(chan struct{})}
		})
	}
	waits.Wait()
	if err := greeting.Join(errs...); err != nil {
		quitAll(slices.DeleteFunc(found, func(s *spare) bool { return s == nil }))
		return nil, err
	}
	return found, nil
}

// keep keeps spares for the clients that come next. The caller holds mu.
func (g *Group) keep(spares []*spare) {
	for _, s := range spares {
		g.spares[s.server] = s
		stirred := s.conn.Watch()
		g.tasks.Go(func() { g.expire(s, stirred) })
	}
}

// expire ends s, unless a client gets it before its time is over or stirred is
// closed: by the server's end, or the gateway's loss.
func (g *Group) expire(s *spare, stirred <-chan struct{}) {
	limit := time.NewTimer(spareFor)
	defer limit.Stop()
	select {
	case <-stirred:
	case <-limit.C:
	case <-g.ended:
	case <-s.taken:
		return
	}
	g.mu.Lock()
	kept := g.spares[s.server] == s
	if kept {
		g.forget(s)
	}
	g.mu.Unlock()
	if kept {
		s.quit()
	}
}

// forget removes s from the spares. The caller holds mu.
func (g *Group) forget(s *spare) {
	delete(g.spares, s.server)
	close(s.taken)
}

// takeSpare returns a route to server on a spare through m. One through another
// gateway is ended first, to free its place.
func (g *Group) takeSpare(m *member, server string) (route ftpfwd.Route, ok bool) {
	g.mu.Lock()
	s := g.spares[server]
	if s != nil {
		g.forget(s)
	}
	g.mu.Unlock()
	switch {
	case s == nil:
		return route, false
	case s.member != m:
		s.quit()
		return route, false
	}
	return g.route(m, s.through, s.conn), true
}
