package ftpfwd

import (
	"context"
	"fmt"
	"net"
)

// Events of a path, beside those of legs and flows.
type (
	arrived struct { // a connection on the half that waits
		path *path
		side string
		conn net.Conn
	}
	dialled struct { // the other half's connection, or why there is none
		data *dataConn
		conn net.Conn
		err  error
	}
	listened struct { // the remote listener that a PORT or EPRT needs
		command command
		path    *path
		err     error
	}
)

// path returns the newest path, or nil.
func (s *session) path() *path {
	if len(s.paths) == 0 {
		return nil
	}
	return s.paths[len(s.paths)-1]
}

// addPath starts to listen on p. The paths before it stay until the server has
// accepted p: a refused PASV or PORT may leave the old one valid.
func (s *session) addPath(p *path) {
	s.paths = append(s.paths, p)
	if len(s.paths) > maxPaths {
		s.dropPath(s.paths[0])
	}
	s.spawn(func() { p.accept(s) })
	s.alarms.in(p, s.f.dataTimeout(), func() {
		if !p.used {
			s.dropPath(p)
		}
	})
}

// supersede closes the paths before p.
func (s *session) supersede(p *path) {
	for len(s.paths) > 0 && s.paths[0] != p {
		s.dropPath(s.paths[0])
	}
}

func (s *session) dropPath(p *path) {
	p.close()
	s.alarms.cancel(p)
	for i, other := range s.paths {
		if other == p {
			s.paths = append(s.paths[:i], s.paths[i+1:]...)
			return
		}
	}
}

// arrived takes a connection on the half of a path that waits, and dials the
// other half: at once, since servers wait for it before they announce a
// transfer, and never as a probe, since the first connection is the one.
func (s *session) arrived(ctx context.Context, e arrived) {
	p := e.path
	switch {
	case p.closed || (p.live != nil && !p.live.complete()):
		reset(e.conn)
		return
	case e.side == "client" && addrOf(e.conn.RemoteAddr()).Addr() != s.clientPeer:
		s.tell(Event{Kind: Noticed, Text: fmt.Sprintf("data connection from %v turned away: the client is at %v", e.conn.RemoteAddr(), s.clientPeer)})
		reset(e.conn)
		return
	}
	d := &dataConn{path: p}
	p.live, p.broken, p.used = d, nil, true
	s.data = append(s.data, d)
	other := p.server
	if e.side == "client" {
		d.client = e.conn
	} else {
		d.server, other = e.conn, p.client
	}
	s.bind()
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, s.f.dialTimeout())
		defer cancel()
		conn, err := other.network.DialContext(ctx, "tcp", other.address)
		if !s.post(dialled{d, conn, err}) && conn != nil {
			_ = conn.Close()
		}
	})
}

// dialled joins the two legs of a data connection, or gives it up.
func (s *session) dialled(e dialled) {
	d := e.data
	side := "server"
	if d.client == nil {
		side = "client"
	}
	switch {
	case d.closed:
		if e.conn != nil {
			_ = e.conn.Close()
		}
	case e.err != nil:
		d.path.broken = e.err
		s.tell(Event{Kind: Noticed, Text: "no data connection to the " + side, Err: e.err})
		s.dataFailed(d, side, e.err)
	default:
		if side == "server" {
			d.server = e.conn
		} else {
			d.client = e.conn
		}
		d.run(s)
	}
	s.releaseIfDue()
}

// flowEnded passes on the end of one direction of a data connection. Each end
// is passed on separately and at once: servers wait for the one before they
// confirm, and the other may go on.
func (s *session) flowEnded(e flowEnded) {
	d := e.data
	f, to := &d.down, d.client
	reading, writing := "server", "client"
	if e.upward {
		f, to = &d.up, d.server
		reading, writing = writing, reading
	}
	f.running = false
	switch {
	case d.closed || d.err != nil:
	case e.readErr != nil:
		s.dataFailed(d, reading, e.readErr)
	case e.writeErr != nil:
		s.dataFailed(d, writing, e.writeErr)
	default:
		f.ended = true
		_ = closeWrite(to) // fails where the peer has closed both directions already
	}
	if d.up.ended && d.down.ended {
		d.close()
	}
	s.releaseIfDue()
	s.forgetData()
}

// dataFailed ends a data connection that failed on one leg: the other leg must
// not take that for the end of the data.
func (s *session) dataFailed(d *dataConn, leg string, err error) {
	t := d.transfer
	if d.complete() {
		d.close() // a client that resets what it has read whole, or has sent whole
		return
	}
	d.err = err
	switch {
	case t == nil:
		d.path.broken = err
		d.close()
	case leg == "client" && t.Direction == Upload && s.pending(t):
		t.failed(leg, err)
		s.uploadFailed(d)
	default:
		t.failed(leg, err)
		d.close()
	}
}

// complete reports whether d has a transfer and all of its data has been passed
// on. The other direction may be open still: a client may connect again before
// we have seen it close.
func (d *dataConn) complete() bool {
	switch {
	case d.transfer == nil:
		return false
	case d.transfer.Direction == Upload:
		return d.up.ended
	default:
		return d.down.ended
	}
}

// pending reports whether t's final reply has not come.
func (s *session) pending(t *transfer) bool {
	for _, other := range s.transfers {
		if other == t {
			return true
		}
	}
	return false
}

// forgetData lets go of data connections that are over.
func (s *session) forgetData() {
	kept := s.data[:0]
	for _, d := range s.data {
		if !d.closed || d.up.running || d.down.running {
			kept = append(kept, d)
		}
	}
	clear(s.data[len(kept):])
	s.data = kept
}
