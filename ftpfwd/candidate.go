package ftpfwd

import (
	"context"
	"errors"
	"net"
	"time"
)

// A client with a small upload may connect, send all of it and close before its
// connection can be looked at, and then nobody can find its owner any more. Such
// a connection is a candidate. A client that believes itself connected does not
// connect again, so if nobody else comes within candidateAtMost, it was the
// client; but what it sends is only taken for an upload. If a second candidate
// comes, neither can be trusted.
const candidateAtMost = time.Second

var (
	errTwoCandidates = errors.New("two connections came whose owner is not known any more")
	errImpostor      = errors.New("another program's data was taken for the client's, which has connected now")
)

// A candidate is a connection of a dataPath that may be the client's.
type candidate struct {
	conn net.Conn // nil if there is none
	err  error    // why its owner is not known
	wait waitState
	by   timer
}

// candidateArrived deals with a client's connection that is a candidate, or that
// shows what an earlier one was, and reports whether nothing else is to be done.
func (s *session) candidateArrived(ctx context.Context, e arrived) bool {
	p := e.path
	unknown := errors.Is(e.err, ErrOwnerGone)
	switch {
	case !unknown && e.err != nil:
		return false
	case !unknown && p.live != nil && p.live.unproven:
		return s.impostorFound(p.live, e.conn)
	case !unknown:
		p.dropCandidate()
		return false
	case p.live != nil && p.live.client != nil && !p.live.complete():
		return false // the port is taken
	case p.candidate.conn != nil:
		reset(e.conn)
		s.refuseCandidate(ctx, p, errTwoCandidates)
	default:
		p.candidate.conn, p.candidate.err, p.candidate.wait = e.conn, e.err, waiting
		s.timers.start(&p.candidate.by, candidateAtMost, func() {
			p.candidate.wait = waited
			s.decideCandidate(ctx, p)
		})
	}
	return true
}

// decideCandidate makes p's candidate the client of an upload, if nobody else has
// come, and refuses it for a download. Before the command it waits.
func (s *session) decideCandidate(ctx context.Context, p *dataPath) {
	if p.candidate.conn == nil || p.candidate.wait != waited {
		return
	}
	t := s.transferOn(p)
	switch {
	case t == nil:
	case t.Direction == Download:
		s.refuseCandidate(ctx, p, p.candidate.err)
	default:
		conn := p.candidate.conn
		p.candidate.conn = nil
		d := t.data // to which the server has connected
		if d == nil {
			d = s.newData(p)
		}
		d.unproven = true
		s.connectSide(ctx, d, arrived{path: p, side: Client, conn: conn})
	}
}

// transferOn returns the transfer that waits for a client's connection to p, or
// nil.
func (s *session) transferOn(p *dataPath) *transfer {
	for _, t := range s.transfers {
		if t.path == p && t.lacksClient() {
			return t
		}
	}
	return nil
}

// lacksClient reports whether t has no connection to the client.
func (t *transfer) lacksClient() bool {
	return t.data == nil || t.data.lacksSide() && t.data.client == nil
}

// refuseCandidate closes p's candidate. The transfer that it came for, or that
// will be commanded next, is refused with a 425.
func (s *session) refuseCandidate(ctx context.Context, p *dataPath, err error) {
	p.dropCandidate()
	s.source.warn(DataRejected, "a data connection was rejected", err)
	p.broken = failure{Client, err}
	if t := s.transferOn(p); t != nil {
		s.refuseTransfer(ctx, t, err)
	}
}

// refuseTransfer answers a transfer with a 425 although the server has its
// command, and sees to it that nothing is left waiting there: some servers look
// at nothing but their data port then, so a connection comes to it, and ends.
func (s *session) refuseTransfer(ctx context.Context, t *transfer, err error) {
	t.fail(Client, err)
	if t.data != nil {
		t.data.fail() // so that nobody joins it
	}
	s.abortTransfer(t, t.data, 425, "cannot open the data connection: "+err.Error())
	if e := t.path.server; e.dials() {
		limit, network := s.f.dialTimeout(), s.remote
		s.spawn(func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			if conn, err := e.dial(ctx, network); err == nil {
				_ = conn.Close()
			}
		})
	}
}

// impostorFound deals with the true owner's connection, conn, that comes when d's
// client was taken for it. It reports whether conn is of no use any more.
func (s *session) impostorFound(d *dataConn, conn net.Conn) bool {
	t := d.transfer
	if t == nil || t.over() {
		d.close()
		return false
	}
	reset(conn)
	s.source.warn(DataRejected, "a data connection was rejected", errImpostor)
	t.fail(Client, errImpostor)
	d.fail()
	s.uploadFailed(d)
	return true
}

// dropCandidate closes p's candidate, if there is one.
func (p *dataPath) dropCandidate() {
	p.timers.stop(&p.candidate.by)
	if p.candidate.conn != nil {
		reset(p.candidate.conn)
	}
	p.candidate.conn, p.candidate.wait = nil, notWaited
}
