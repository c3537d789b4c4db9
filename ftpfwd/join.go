package ftpfwd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// retryDialAtMost bounds a dial to the server when another method is left.
const retryDialAtMost = 10 * time.Second

// newData makes p's next data connection, which has no side yet.
func (s *session) newData(p *dataPath) *dataConn {
	d := &dataConn{path: p}
	p.live, p.broken, p.used = d, failure{}, true
	s.timers.stop(&p.idle)
	s.data = append(s.data, d)
	s.bind()
	return d
}

// arrived is the event that a connection has come to an endpoint that listens.
type arrived struct {
	path *dataPath
	side Side
	conn net.Conn
	err  error // of a client's: why it may not be used
}

func (e arrived) apply(ctx context.Context, s *session) {
	p := e.path
	if d := p.live; d != nil && e.side == Server && d.abandoned() && !d.complete() {
		s.replaceData(d)
	}
	if e.side == Client && p.state != closed && s.candidateArrived(ctx, e) {
		return
	}
	d := p.live
	taken := d != nil && *d.conn(e.side) != nil
	if p.state == closed || taken && !d.complete() {
		reset(e.conn)
		return
	}
	if err := s.admit(e); err != nil {
		s.source.warn(DataRejected, "a data connection was rejected", err)
		reset(e.conn)
		return
	}
	if e.side == Server {
		s.learn(p.method, true)
	}
	if d == nil || taken {
		d = s.newData(p)
	}
	s.connectSide(ctx, d, e)
}

// connectSide gives d the connection to a side.
func (s *session) connectSide(ctx context.Context, d *dataConn, e arrived) {
	*d.conn(e.side) = e.conn
	s.endGathering(d.path)
	s.join(ctx, d)
	s.finishIfDue()
}

// checkData returns why a client's data connection may not be used: it comes from
// another host than the client, or from another user: whoever connects first gets
// the data (RFC 2577, 8). Any goroutine may call it.
func (s *session) checkData(conn net.Conn) error {
	if from := conn.RemoteAddr(); addrOf(from).Addr() != s.clientPeer {
		return fmt.Errorf("it comes from %v, and the client is at %v", from, s.clientPeer)
	}
	if s.owner == "" {
		return nil
	}
	_, err := s.f.checkOwner(conn, []string{s.owner})
	return err
}

// admit returns why a data connection may not be used.
func (s *session) admit(e arrived) error {
	from := e.conn.RemoteAddr()
	switch {
	case e.side == Client:
		return e.err
	case !s.target.mayBe(addrOf(from).Addr(), s.f.ActiveAddress):
		return fmt.Errorf("it comes from %v, and the FTP server is at %s", from, s.target.host)
	}
	return nil
}

// replaceData closes d, so that its transfer gets another data connection.
func (s *session) replaceData(d *dataConn) {
	if d.transfer != nil {
		d.detach(d.transfer)
	}
	d.close()
}

// join dials the side that a data connection lacks, or starts to copy between
// the two. It dials at once, since servers wait for the connection before they
// announce a transfer, and never as a probe, since the first connection is the
// one that they use.
func (s *session) join(ctx context.Context, d *dataConn) {
	p := d.path
	switch {
	case d.state != half:
	case d.client != nil && d.server != nil:
		d.run(s)
	case d.server == nil && p.server.dials():
		s.dial(ctx, d, Server, p.server)
	case d.client == nil && p.client.dials() && (p.server.listens() || d.announced()):
		s.dial(ctx, d, Client, p.client)
	}
}

// announced reports whether the server has announced the transfer of d. An
// active client of a passive server is dialled then and not before, as a server
// would.
func (d *dataConn) announced() bool { return d.transfer != nil && d.transfer.begun() }

// dial dials e for the side that d lacks.
func (s *session) dial(ctx context.Context, d *dataConn, side Side, e endpoint) {
	d.enter(dialingOther)
	limit, network := s.f.dialTimeout(), s.local
	if side == Server {
		network = s.remote
	}
	if side == Server && len(d.path.left) > 0 && d.transfer == nil {
		limit = min(limit, retryDialAtMost)
	}
	host, named := s.target.host, d.path.named
	s.spawn(func() {
		first, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		result := dialled{data: d, side: side}
		result.conn, result.err = e.dial(first, network)
		if result.err != nil && side == Server {
			second, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			if conn, ok := s.f.dialNamed(second, network, host, named); ok {
				result.conn, result.err, result.at = conn, nil, named.Addr().Unmap()
			}
		}
		if !s.post(result) && result.conn != nil {
			_ = result.conn.Close()
		}
	})
}

// dial connects to where e is, from e's own address if that is possible.
func (e endpoint) dial(ctx context.Context, network Network) (net.Conn, error) {
	if here, ok := network.(host); ok && e.from.IsValid() {
		if conn, err := here.dialFrom(ctx, e.from, e.address); err == nil {
			return conn, nil
		}
	}
	return network.DialContext(ctx, "tcp", e.address)
}

// dialled is the event that a dial has ended.
type dialled struct {
	data *dataConn
	side Side
	conn net.Conn
	err  error
	at   netip.Addr // where the server was reached, if not where its name led
}

// apply gives a data connection its other side, or asks for another method, or
// gives it up.
func (e dialled) apply(ctx context.Context, s *session) {
	d, p := e.data, e.data.path
	switch {
	case d.isClosed(), d.state == failed:
		if e.conn != nil {
			_ = e.conn.Close()
		}
	case e.err == nil:
		d.enter(half)
		*d.conn(e.side) = e.conn
		if e.side == Server {
			s.learn(p.method, true)
		}
		if e.at.IsValid() {
			s.at, p.server = e.at, endpoint{address: p.named.String()}
		}
		if e.side == Server && p.state == dialing {
			s.pathReady(ctx, p)
			s.replyReady(p)
		}
		s.join(ctx, d)
	case e.side == Server && p.state == dialing: // the client has no reply to its command yet
		d.close()
		s.methodFailed(ctx, p, e.err, true)
	case e.side == Server && s.opening == nil && s.mayReopen(d):
		d.enter(half)
		p.owed = false
		s.methodFailed(ctx, p, e.err, true)
	default:
		if e.side == Server {
			s.learn(p.method, false)
		}
		p.broken = failure{e.side, e.err}
		s.source.warn(NoDataConnection, "no data connection", fmt.Errorf("connect to the %v: %w", e.side, e.err))
		s.dataFailed(d, e.side, e.err)
	}
	s.finishIfDue()
}

// mayReopen reports whether d, whose client waits, may reach the server by
// another method: nothing has gone out that relies on this one, or follows it.
func (s *session) mayReopen(d *dataConn) bool {
	return d.transfer == nil && len(d.path.left) > 0 && !d.path.commanded && s.params.restart == "" &&
		d.path == s.paths.newest() && len(s.transfers) == 0 && s.pending.path() == nil
}

// dataFailed ends a data connection that failed on one side: the other side must
// not take that for the end of the data.
func (s *session) dataFailed(d *dataConn, side Side, err error) {
	t := d.transfer
	if d.complete() {
		d.close() // a client that resets what it has read whole, or has sent whole
		return
	}
	switch {
	case t == nil:
		if !d.carried {
			d.path.broken = failure{side, err}
		}
		d.close()
	case side == Client && t.Direction == Upload && !t.over():
		t.fail(side, err)
		d.fail()
		s.uploadFailed(d)
	default:
		if side == Server && s.clientGone() {
			side, err = Client, errGone // which made the server close it
		}
		t.fail(side, err)
		d.close()
	}
}
