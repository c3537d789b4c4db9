package ftpfwd

import (
	"bytes"
	"slices"
)

// maxInspected bounds the bytes of a line that are parsed. Longer lines pass in
// pieces, so that no line takes more memory than this.
const maxInspected = 1024

// A lineReader cuts a stream into lines, at LF. Pieces of lines that do not
// end within maxInspected bytes are returned as they arrive: the first is the
// line's head, and the others are its tail.
type lineReader struct {
	buf    []byte
	inTail bool // the head of this line has been returned
}

// A piece is a line, or a part of a long one.
type piece struct {
	bytes []byte
	tail  bool // not the beginning of a line
	whole bool // a complete line, LF included
}

func (r *lineReader) feed(b []byte) { r.buf = append(r.buf, b...) }

// empty reports whether all has been returned.
func (r *lineReader) empty() bool { return len(r.buf) == 0 }

// back puts a piece back that next has just returned.
func (r *lineReader) back(p piece) {
	r.buf = slices.Concat(p.bytes, r.buf)
	r.inTail = p.tail
}

// next returns the next piece. Without atEnd an incomplete line stays until
// the rest of it has arrived.
func (r *lineReader) next(atEnd bool) (piece, bool) {
	end := bytes.IndexByte(r.buf, '\n') + 1
	complete := end > 0
	switch {
	case complete && (r.inTail || end <= maxInspected):
	case complete, len(r.buf) > maxInspected:
		end, complete = maxInspected, false
		if r.inTail {
			end = len(r.buf)
		}
	case len(r.buf) > 0 && (atEnd || r.inTail):
		end = len(r.buf)
	default:
		return piece{}, false
	}
	p := piece{bytes: r.buf[:end:end], tail: r.inTail, whole: complete && !r.inTail}
	r.buf = r.buf[end:]
	r.inTail = !complete
	if len(r.buf) == 0 {
		r.buf = nil // frees what was read
	}
	return p, true
}
