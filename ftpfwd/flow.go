package ftpfwd

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
)

// A flow is one direction of a data connection.
type flow struct {
	moved atomic.Int64           // bytes written to the receiving side
	stuck atomic.Bool            // bytes wait to be written there
	mode  atomic.Pointer[string] // in which the transfer at hand moves; nil before the first
	state flowState
	files int // files whose ends were marked and have passed, less those of confirmed transfers
}

// A flowState says what one direction of a data connection does.
type flowState int

const (
	flowIdle    flowState = iota // not started
	flowRunning                  // bytes may move
	flowWhole                    // it ended well: end of data was read and all of it written
	flowBroken                   // it ended with an error
)

// use sets the mode in which the bytes to come move.
func (f *flow) use(mode string) { f.mode.Store(&mode) }

// running reports whether the flow's goroutine has not returned yet.
func (f *flow) running() bool { return f.state == flowRunning }

// ended reports whether the end of data has passed.
func (f *flow) ended() bool { return f.state == flowWhole }

// whole reports whether all of a file has passed.
func (f *flow) whole() bool { return f.ended() || f.files > 0 }

// copyFlow copies from src to dst until the end of data or an error, and
// reports which. It closes nothing: what an end means is for the session to
// decide.
func copyFlow(s *session, end flowEnded, dst io.Writer, src io.Reader, f *flow) {
	buf := make([]byte, 32<<10)
	ends := endsOfFiles{}
	defer ends.close()
	for {
		n, err := src.Read(buf)
		if n > 0 {
			f.stuck.Store(true)
			m, werr := dst.Write(buf[:n])
			f.stuck.Store(false)
			f.moved.Add(int64(m))
			if werr != nil {
				end.writeErr = werr
				break
			}
			if n := ends.read(f.mode.Load(), buf[:n]); n > 0 {
				s.post(filesEnded{f, n})
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				end.readErr = err
			}
			end.within = ends.within()
			break
		}
	}
	s.post(end)
}

// endsOfFiles finds the ends of files in the mode that holds for the bytes at
// hand. The zero value is ready.
type endsOfFiles struct {
	mode *string
	ends fileEnds
}

func (e *endsOfFiles) read(mode *string, b []byte) int {
	if mode != nil && (e.mode == nil || *mode != *e.mode) {
		e.close()
		e.ends = newFileEnds(*mode)
	}
	e.mode = mode
	if e.ends == nil {
		return 0
	}
	return e.ends.read(b)
}

func (e *endsOfFiles) within() bool { return e.ends != nil && e.ends.within() }

func (e *endsOfFiles) close() {
	if e.ends != nil {
		e.ends.close()
	}
}

// filesEnded is the event that marked ends of files have been written to the
// receiving side.
type filesEnded struct {
	flow  *flow
	count int
}

func (e filesEnded) apply(_ context.Context, s *session) {
	e.flow.files += e.count
	s.finishIfDue()
}

// flowEnded is the event that a flow has ended. At most one error is set; none
// means the end of data.
type flowEnded struct {
	data     *dataConn
	from     Side
	readErr  error
	writeErr error
	within   bool // the data ended where the transfer mode says that more must follow
}

var errWithin = errors.New("the data ended within a block")

// apply passes on the end of one direction. Each end is passed on separately
// and at once: servers wait for the one before they confirm, and the other may
// continue.
func (e flowEnded) apply(_ context.Context, s *session) {
	d := e.data
	f, to, dst := &d.down, Client, d.client
	if e.from == Client {
		f, to, dst = &d.up, Server, d.server
	}
	f.state = flowBroken
	switch {
	case d.state != joined:
	case e.readErr != nil:
		s.dataFailed(d, e.from, e.readErr)
	case e.writeErr != nil:
		s.dataFailed(d, to, e.writeErr)
	default:
		f.state = flowWhole
		if t := d.transfer; e.within && e.from == Server && t != nil && t.Direction == Download {
			t.fail(Server, errWithin) // the server may not know of it: SSH carries no reset
		}
		_ = closeWrite(dst) // fails where the peer has closed both directions already
	}
	if d.up.ended() && d.down.ended() || d.kept() { // one side does not keep it
		d.close()
	}
	s.finishIfDue()
	s.data.forget()
}
