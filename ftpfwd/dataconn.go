package ftpfwd

import (
	"net"
	"slices"
	"time"
)

// A dataConn is one data connection: a connection to the client, one to the
// server, and a flow in each direction between them. The session owns all of it
// but the byte counts.
type dataConn struct {
	path           *dataPath
	state          dataState
	client, server net.Conn  // nil until there is one
	up, down       flow      // from the client, from the server
	transfer       *transfer // whose data moves, once that is known
	unproven       bool      // the client's owner is not known: see candidate
	carried        bool      // a transfer has ended on it
	startBy        timer     // for the server to announce the transfer, before the client may send
	closeBy        timer     // for the server, after an ABOR of the client's
}

// A dataState says how far a dataConn is open.
//
//	dialingOther ◀──▶ half ──▶ joined ──▶ failed ──▶ drained
//
// Every state may be followed by failed and by drained.
type dataState int

const (
	half         dataState = iota // one side is connected, or none
	dialingOther                  // the missing side is being dialled
	joined                        // bytes move
	failed                        // it broke, but stays open until the server knows of the abort
	drained                       // both connections are closed
)

func (d dataState) String() string {
	return [...]string{"half", "dialing", "joined", "failed", "drained"}[d]
}

// enter moves d to another state.
func (d *dataConn) enter(next dataState) {
	ok := next > d.state && (next != joined || d.state == half && d.client != nil && d.server != nil)
	if d.state == dialingOther && next == half {
		ok = true // the dial has ended
	}
	if !ok {
		panic(impossible{"data connection", d.state, next})
	}
	d.state = next
}

// isClosed reports whether d carries nothing any more.
func (d *dataConn) isClosed() bool { return d.state == drained }

// lacksSide reports whether d waits for its client or server.
func (d *dataConn) lacksSide() bool { return !d.isClosed() && (d.client == nil || d.server == nil) }

// abandoned reports whether the server has ended d, which has moved nothing: it
// will make another.
func (d *dataConn) abandoned() bool { return !d.isClosed() && d.down.ended() && d.moved() == 0 }

// moved returns the bytes moved in both directions.
func (d *dataConn) moved() int64 { return d.up.moved.Load() + d.down.moved.Load() }

// conn returns where the connection to a side is kept.
func (d *dataConn) conn(side Side) *net.Conn {
	if side == Client {
		return &d.client
	}
	return &d.server
}

// flow returns the direction in which t's data goes.
func (d *dataConn) flow(t *transfer) *flow {
	if t.Direction == Upload {
		return &d.up
	}
	return &d.down
}

// carry makes d the data connection of t.
func (d *dataConn) carry(t *transfer) {
	t.data, d.transfer = d, t
	f := d.flow(t)
	f.use(t.Mode)
	t.share.Store(&share{f, f.moved.Load()})
}

// detach takes t away from its data connection, for another.
func (d *dataConn) detach(t *transfer) {
	t.data, d.transfer = nil, nil
	t.share.Store(nil)
}

// carryOn frees d, whose transfer has been confirmed, for the next one: modes
// other than stream mode need not close it.
func (d *dataConn) carryOn() {
	d.flow(d.transfer).files--
	d.transfer, d.carried = nil, true
	if d.down.ended() {
		d.close()
	}
}

// kept reports whether d waits for its next transfer.
func (d *dataConn) kept() bool { return d.carried && d.transfer == nil && !d.isClosed() }

// complete reports whether d has a transfer and all of its data has been passed
// on. The other direction may still be open: a client may connect again before
// we have seen it close.
func (d *dataConn) complete() bool {
	return d.transfer != nil && d.flow(d.transfer).whole()
}

// run starts the flow from the server. The other begins when the server has a
// command that it is for: see startUp.
func (d *dataConn) run(s *session) {
	d.enter(joined)
	d.down.state = flowRunning
	s.spawn(func() { copyFlow(s, flowEnded{data: d, from: Server}, d.client, d.server, &d.down) })
}

// startUp starts the flow from the client.
func (d *dataConn) startUp(s *session) {
	if d.state == joined && d.up.state == flowIdle {
		d.up.state = flowRunning
		s.spawn(func() { copyFlow(s, flowEnded{data: d, from: Client}, d.server, d.client, &d.up) })
	}
}

// fail notes that d has broken. It stays open towards the server.
func (d *dataConn) fail() {
	if d.state < failed {
		d.enter(failed)
	}
}

// unused reports whether d moves nothing: no command was for it, or none since its
// last transfer.
func (d *dataConn) unused() bool { return d.kept() || d.transfer == nil && d.moved() == 0 }

// mayDeliver reports whether d may still deliver something to the client, other
// than the rest of what the client knows to have failed.
func (d *dataConn) mayDeliver() bool {
	t := d.transfer
	broken := t != nil && t.Err != nil
	awaited := d.lacksSide() && (t == nil || !t.over()) // a side that is missing after the reply does not come
	return !d.isClosed() && !broken && (d.down.running() || awaited)
}

// close ends d without passing on an end of file to a side that has not ended
// its data well: the client's connection is reset, but not between files. The
// server's network may know no reset, so whoever closes d during an upload makes
// sure that the server knows of the abort before.
func (d *dataConn) close() {
	if d.isClosed() {
		return
	}
	between := d.kept()
	d.enter(drained)
	if d.client != nil {
		if d.down.ended() || between {
			_ = d.client.Close() // which may not have read all of a file
		} else {
			reset(d.client)
		}
	}
	if d.server != nil {
		_ = d.server.Close()
	}
	if d.path.live == d {
		d.path.live = nil
	}
}

// dataConns are the data connections of a session.
type dataConns []*dataConn

// mayDeliver reports whether one may still deliver something to the client.
func (ds dataConns) mayDeliver() bool { return slices.ContainsFunc(ds, (*dataConn).mayDeliver) }

// moved returns the bytes that all have moved, in both directions.
func (ds dataConns) moved() (n int64) {
	for _, d := range ds {
		n += d.moved()
	}
	return n
}

// bind gives t the first connection of its path that carries no transfer.
// Clients connect before or after they send the command.
func (ds dataConns) bind(t *transfer) {
	for _, d := range ds {
		if d.transfer == nil && !d.isClosed() && d.path == t.path {
			d.carry(t)
			return
		}
	}
}

// startAtMost is how long a client waits for the server to announce its transfer
// before what it sends is passed on, and its end.
const startAtMost = time.Second

// startUploads lets clients send once the server has announced the transfers that
// what they send is for. Data goes another way than the command, and a server that
// reads it first takes it for nothing (pyftpdlib).
func (s *session) startUploads() {
	for _, d := range s.data {
		switch t := d.transfer; {
		case t == nil || d.state != joined || d.up.state != flowIdle:
		case t.begun():
			s.timers.stop(&d.startBy)
			d.startUp(s)
		case s.server.idle():
			s.timers.startOnce(&d.startBy, startAtMost, func() { d.startUp(s) })
		}
	}
}

// forget removes the connections that are over.
func (ds *dataConns) forget() {
	*ds = slices.DeleteFunc(*ds, func(d *dataConn) bool { return d.isClosed() && !d.up.running() && !d.down.running() })
}
