package ftpfwd

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
)

// A dataConn is one data connection: a leg to the client, a leg to the server,
// and a flow in each direction between them. The session owns all of it but
// the byte counts.
type dataConn struct {
	path           *path
	client, server net.Conn  // nil until there
	up, down       flow      // from the client, from the server
	transfer       *transfer // what moves through it, once known
	block          bool      // in block mode: it may carry several files, one behind the other
	carried        bool      // a transfer has come to its end
	dialling       bool      // for the leg that it lacks
	joined         bool      // both legs were there
	err            error     // why it failed; nil if it did not
	closed         bool
}

// A flow is one direction of a data connection.
type flow struct {
	moved   atomic.Int64 // bytes written to the receiving side
	running bool         // its goroutine has not come back yet
	ended   bool         // it ended well: end of data was read and all of it written
	files   int          // files of block mode that have passed whole, less those whose transfers were confirmed
}

// whole reports whether all of a file has passed.
func (f *flow) whole() bool { return f.ended || f.files > 0 }

// filesEnded is the event that ends of files in block mode have been written to
// the receiving side.
type filesEnded struct {
	flow  *flow
	count int
}

// flowEnded is the event that a flow is over. At most one error is set; none
// means the end of data.
type flowEnded struct {
	data     *dataConn
	upward   bool
	readErr  error
	writeErr error
}

// opening reports whether d still lacks a leg.
func (d *dataConn) opening() bool { return !d.closed && (d.client == nil || d.server == nil) }

// left reports whether the server is done with d, which has moved nothing: it
// will make another.
func (d *dataConn) left() bool { return !d.closed && d.down.ended && d.moved() == 0 }

// moved returns the bytes moved in both directions.
func (d *dataConn) moved() int64 { return d.up.moved.Load() + d.down.moved.Load() }

// leg returns where the leg of a side is kept.
func (d *dataConn) leg(side Side) *net.Conn {
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
	t.share.Store(&share{f, f.moved.Load()})
}

// carryOn frees d, whose transfer has been confirmed, for the next one: other
// modes than the stream's do not close it.
func (d *dataConn) carryOn() {
	d.flow(d.transfer).files--
	d.transfer, d.carried = nil, true
}

// complete reports whether d has a transfer and all of its data has been passed
// on. The other direction may be open still: a client may connect again before
// we have seen it close.
func (d *dataConn) complete() bool {
	return d.transfer != nil && d.flow(d.transfer).whole()
}

// run starts both flows.
func (d *dataConn) run(s *session) {
	d.joined, d.up.running, d.down.running = true, true, true
	s.spawn(func() { copyFlow(s, flowEnded{data: d, upward: true}, d.server, d.client, &d.up) })
	s.spawn(func() { copyFlow(s, flowEnded{data: d}, d.client, d.server, &d.down) })
}

// copyFlow copies from src to dst until the end of data or an error, and
// reports which. It closes nothing: what an end means is the session's to say.
func copyFlow(s *session, end flowEnded, dst io.Writer, src io.Reader, f *flow) {
	buf := make([]byte, 32<<10)
	var blocks blockReader
	for {
		n, err := src.Read(buf)
		if n > 0 {
			m, werr := dst.Write(buf[:n])
			f.moved.Add(int64(m))
			if werr != nil {
				end.writeErr = werr
				break
			}
			if end.data.block {
				if ends := blocks.read(buf[:n]); ends > 0 {
					s.post(filesEnded{f, ends})
				}
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				end.readErr = err
			}
			break
		}
	}
	s.post(end)
}

// close ends d without passing on an end of file on a leg that has not ended
// its data well: the client's is reset. The server's network may know no
// reset, so whoever closes d during an upload sees to it that the server has
// been told before.
func (d *dataConn) close() {
	if d.closed {
		return
	}
	d.closed = true
	if d.client != nil {
		if d.down.ended {
			_ = d.client.Close()
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
