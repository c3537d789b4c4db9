package ftpfwd

import (
	"compress/zlib"
	"encoding/binary"
	"io"
	"iter"
)

// Transfer modes (RFC 959, 3.4), as the argument of MODE names them. Stream
// mode ends a file by closing its data connection. The others may send the next
// file on the same connection, and so mark the end of each.
const (
	modeStream     = "S"
	modeBlock      = "B"
	modeCompressed = "C"
	modeDeflate    = "Z" // a zlib stream (RFC 1950) for each file
)

// endOfFile marks the last block of a file, in the descriptor of block mode and
// of an escape sequence of compressed mode (RFC 959, 3.4.2 and 3.4.3).
const endOfFile = 64

// A fileEnds finds the ends of files in the bytes of one direction of a data
// connection.
type fileEnds interface {
	// read returns how many files end in b, the next bytes.
	read(b []byte) (ends int)
	// within reports whether the bytes so far end within a block or string of
	// known length: more must follow.
	within() bool
	close()
}

// newFileEnds returns what finds the ends of files in a mode, or nil in a mode
// that does not mark them. Close it.
func newFileEnds(mode string) fileEnds {
	switch mode {
	case modeBlock:
		return &blockReader{}
	case modeCompressed:
		return &compressedReader{}
	case modeDeflate:
		return newDeflateReader()
	}
	return nil
}

// A blockReader follows blocks: a descriptor, a count of two bytes, and that many
// bytes (RFC 959, 3.4.2).
type blockReader struct {
	header []byte
	left   int // bytes of the current block that have not been read
}

const blockHeader = 3

func (r *blockReader) close() {}

func (r *blockReader) within() bool { return len(r.header) > 0 }

func (r *blockReader) read(b []byte) (ends int) {
	for len(b) > 0 {
		if len(r.header) < blockHeader {
			r.header = append(r.header, b[0])
			b = b[1:]
			if len(r.header) == blockHeader {
				r.left = int(binary.BigEndian.Uint16(r.header[1:]))
			}
		}
		n := min(r.left, len(b))
		r.left -= n
		b = b[n:]
		if len(r.header) == blockHeader && r.left == 0 {
			if r.header[0]&endOfFile != 0 {
				ends++
			}
			r.header = r.header[:0]
		}
	}
	return ends
}

// A compressedReader follows compressed mode: bytes with their count in front,
// one byte that is repeated, fillers, and escape sequences of a zero and a
// descriptor (RFC 959, 3.4.3).
type compressedReader struct {
	left    int  // bytes of the current string that have not been read
	escaped bool // the next byte is a descriptor
}

func (r *compressedReader) close() {}

func (r *compressedReader) within() bool { return r.left > 0 || r.escaped }

func (r *compressedReader) read(b []byte) (ends int) {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left -= n
			b = b[n:]
			continue
		}
		next := b[0]
		b = b[1:]
		switch {
		case r.escaped:
			r.escaped = false
			if next&endOfFile != 0 {
				ends++
			}
		case next == 0:
			r.escaped = true
		case next < 128:
			r.left = int(next)
		case next < 192:
			r.left = 1 // the byte that is repeated
		}
	}
	return ends
}

// A deflateReader inflates to find where streams end. It is a coroutine that
// asks for more bytes.
type deflateReader struct {
	input []byte
	more  func(struct{}) bool // waits for input
	next  func() (struct{}, bool)
	stop  func()
	ends  int
}

func newDeflateReader() *deflateReader {
	r := &deflateReader{}
	r.next, r.stop = iter.Pull(r.inflate)
	return r
}

// inflate reads stream after stream, until one is malformed: then only the end of
// the connection shows the end of the file.
func (r *deflateReader) inflate(more func(struct{}) bool) {
	r.more = more
	for {
		stream, err := zlib.NewReader(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, stream); err != nil {
			return
		}
		r.ends++
	}
}

// Read and ReadByte are what the inflater reads from. With ReadByte it takes not a
// byte more than its stream has.
func (r *deflateReader) Read(p []byte) (int, error) {
	if !r.await() {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, r.input)
	r.input = r.input[n:]
	return n, nil
}

func (r *deflateReader) ReadByte() (byte, error) {
	if !r.await() {
		return 0, io.ErrUnexpectedEOF
	}
	b := r.input[0]
	r.input = r.input[1:]
	return b, nil
}

func (r *deflateReader) await() bool {
	for len(r.input) == 0 {
		if !r.more(struct{}{}) {
			return false
		}
	}
	return true
}

func (r *deflateReader) read(b []byte) (ends int) {
	r.input, r.ends = b, 0
	r.next()
	return r.ends
}

func (r *deflateReader) close() { r.stop() }

// within reports nothing: not every program ends its last stream well.
func (r *deflateReader) within() bool { return false }
