package ftpfwd

import (
	"context"
	"fmt"
	"net"
	"slices"
)

// Events of a path, beside those of openings, legs and flows.
type (
	arrived struct { // a connection on a half that waits
		path *path
		side Side
		conn net.Conn
	}
	dialled struct { // a half's connection, or why there is none
		data *dataConn
		side Side
		conn net.Conn
		err  error
	}
)

// newData makes p's next data connection, which has no leg yet.
func (s *session) newData(p *path) *dataConn {
	d := &dataConn{path: p, block: s.mode == modeBlock}
	p.live, p.broken, p.used = d, nil, true
	s.data = append(s.data, d)
	s.bind()
	return d
}

// arrived takes a connection on a half of a path that waits.
func (s *session) arrived(ctx context.Context, e arrived) {
	p := e.path
	if d := p.live; d != nil && e.side == Server && d.left() && !d.complete() {
		s.replace(d)
	}
	d := p.live
	taken := d != nil && *d.leg(e.side) != nil
	switch {
	case p.closed, taken && !d.complete():
		reset(e.conn)
		return
	case e.side == Client && addrOf(e.conn.RemoteAddr()).Addr() != s.clientPeer:
		s.tell(Event{Kind: Warned, Warning: DataRejected, Text: fmt.Sprintf("data connection from %v turned away: the client is at %v", e.conn.RemoteAddr(), s.clientPeer)})
		reset(e.conn)
		return
	case e.side == Client && !s.ownData(e.conn):
		return
	case e.side == Server && !s.isServer(addrOf(e.conn.RemoteAddr()).Addr()):
		s.tell(Event{Kind: Warned, Warning: DataRejected, Text: fmt.Sprintf("data connection from %v turned away: the FTP server is at %s", e.conn.RemoteAddr(), s.target.host)})
		reset(e.conn)
		return
	case e.side == Server:
		s.target.known.learn(p.way, true)
	}
	if d == nil || taken {
		d = s.newData(p)
	}
	*d.leg(e.side) = e.conn
	s.gathered()
	s.join(ctx, d)
	s.releaseIfDue()
}

// replace closes d, so that its transfer gets another.
func (s *session) replace(d *dataConn) {
	if d.transfer != nil {
		d.transfer.share.Store(nil)
		d.transfer.data, d.transfer = nil, nil
	}
	d.close()
}

// join dials the leg that a data connection lacks, or joins the two: at once,
// since servers wait for it before they announce a transfer, and never as a
// probe, since the first connection is the one.
func (s *session) join(ctx context.Context, d *dataConn) {
	p := d.path
	switch {
	case d.closed || d.dialling || d.joined:
	case d.client != nil && d.server != nil:
		d.run(s)
	case d.server == nil && p.server.address != "":
		s.dialServerHalf(ctx, d)
	case d.client == nil && p.client.address != "" && (p.server.waits() || s.announcedBy(d)):
		s.dialHalf(ctx, d, Client, p.client)
	}
}

// announcedBy reports whether the server has announced the transfer of d. An
// active client is connected to then and not before, as by a server.
func (s *session) announcedBy(d *dataConn) bool { return d.transfer != nil && d.transfer.started }

func (s *session) dialServerHalf(ctx context.Context, d *dataConn) {
	s.dialHalf(ctx, d, Server, d.path.server)
}

func (s *session) dialHalf(ctx context.Context, d *dataConn, side Side, h half) {
	d.dialling = true
	limit := s.f.dialTimeout()
	if side == Server && len(d.path.left) > 0 && d.transfer == nil {
		limit = min(limit, retryDialAt)
	}
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		conn, err := s.dialFrom(ctx, side, h)
		if !s.post(dialled{d, side, conn, err}) && conn != nil {
			_ = conn.Close()
		}
	})
}

// dialFrom dials from h's own address if it can.
func (s *session) dialFrom(ctx context.Context, side Side, h half) (net.Conn, error) {
	if side == Server {
		return s.remote.DialContext(ctx, "tcp", h.address)
	}
	if here, ok := s.local.(host); ok && h.from.IsValid() {
		if conn, err := here.dialFrom(ctx, h.from, h.address); err == nil {
			return conn, nil
		}
	}
	return s.local.DialContext(ctx, "tcp", h.address)
}

// dialled gives a data connection its leg, or another way, or gives it up.
func (s *session) dialled(ctx context.Context, e dialled) {
	d := e.data
	d.dialling = false
	o := s.opening
	awaited := e.side == Server && o != nil && o.path == d.path // the client has no answer to its command yet
	switch {
	case d.closed:
		if e.conn != nil {
			_ = e.conn.Close()
		}
	case e.err != nil && awaited:
		d.close()
		s.wayFailed(ctx, o, e.err)
	case e.err != nil && e.side == Server && o == nil && s.mayMove(d):
		s.wayFailed(ctx, &opening{path: d.path, way: d.path.way, left: d.path.left}, e.err)
	case e.err != nil:
		if e.side == Server {
			s.target.known.learn(d.path.way, false)
		}
		d.path.broken, d.path.brokenLeg = e.err, e.side
		s.tell(Event{Kind: Warned, Warning: NoDataConnection, Text: "no data connection to the " + e.side.String(), Err: e.err})
		s.dataFailed(d, e.side, e.err)
	default:
		*d.leg(e.side) = e.conn
		if e.side == Server {
			s.target.known.learn(d.path.way, true)
		}
		if awaited {
			s.opened(ctx, o)
			s.answer(o)
		}
		s.join(ctx, d)
	}
	s.releaseIfDue()
}

// mayMove reports whether d, whose client waits, may take another way to the
// server: nothing has gone out that relies on this one, or follows it.
func (s *session) mayMove(d *dataConn) bool {
	return d.transfer == nil && len(d.path.left) > 0 && !d.path.commanded && s.restart == "" &&
		d.path == s.path() && len(s.transfers) == 0 && s.ledger.opening() == nil
}

// flowEnded passes on the end of one direction of a data connection. Each end
// is passed on separately and at once: servers wait for the one before they
// confirm, and the other may go on.
func (s *session) flowEnded(e flowEnded) {
	d := e.data
	f, to := &d.down, d.client
	reading, writing := Server, Client
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
func (s *session) dataFailed(d *dataConn, leg Side, err error) {
	t := d.transfer
	if d.complete() {
		d.close() // a client that resets what it has read whole, or has sent whole
		return
	}
	d.err = err
	switch {
	case t == nil:
		if !d.carried {
			d.path.broken, d.path.brokenLeg = err, leg
		}
		d.close()
	case leg == Client && t.Direction == Upload && s.pending(t):
		t.failed(leg, err)
		s.uploadFailed(d)
	default:
		if leg == Server && s.clientGone() {
			leg, err = Client, errGone // which made the server break off
		}
		t.failed(leg, err)
		d.close()
	}
}

// pending reports whether t's final reply has not come.
func (s *session) pending(t *transfer) bool { return slices.Contains(s.transfers, t) }

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
