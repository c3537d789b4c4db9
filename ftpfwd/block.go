package ftpfwd

import "encoding/binary"

// Transfer modes (RFC 959, 3.4), as the argument of MODE names them. Stream
// mode ends a file by closing its data connection. The others may go on with
// the next file on the same one: block mode says where a file ends; compressed
// (C) and deflated (Z) data is not looked into.
const (
	modeStream = "S"
	modeBlock  = "B"
)

// In block mode data comes in blocks: a descriptor, a count of two bytes, and
// that many bytes (RFC 959, 3.4.2).
const (
	blockHeader    = 3
	blockEndOfFile = 64 // in the descriptor: with this block the file ends
)

// A blockReader reads along the blocks of a data connection.
type blockReader struct {
	header []byte
	left   int // of the block that we are in
}

// read returns how many files end in b, the next bytes.
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
			if r.header[0]&blockEndOfFile != 0 {
				ends++
			}
			r.header = r.header[:0]
		}
	}
	return ends
}
