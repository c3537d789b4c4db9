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
	err            error     // why it failed; nil if it did not
	closed         bool
}

// A flow is one direction of a data connection.
type flow struct {
	moved   atomic.Int64 // bytes written to the receiving side
	running bool         // its goroutine has not come back yet
	ended   bool         // it ended well: end of data was read and all of it written
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

// moved returns the bytes moved in both directions.
func (d *dataConn) moved() int64 { return d.up.moved.Load() + d.down.moved.Load() }

// run starts both flows.
func (d *dataConn) run(s *session) {
	d.up.running, d.down.running = true, true
	s.spawn(func() { copyFlow(s, flowEnded{data: d, upward: true}, d.server, d.client, &d.up) })
	s.spawn(func() { copyFlow(s, flowEnded{data: d}, d.client, d.server, &d.down) })
}

// copyFlow copies from src to dst until the end of data or an error, and
// reports which. It closes nothing: what an end means is the session's to say.
func copyFlow(s *session, end flowEnded, dst io.Writer, src io.Reader, f *flow) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			m, werr := dst.Write(buf[:n])
			f.moved.Add(int64(m))
			if werr != nil {
				end.writeErr = werr
				break
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
