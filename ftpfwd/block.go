package ftpfwd

import "encoding/binary"

// Transfer modes (RFC 959, 3.4), as the argument of MODE names them. Stream
// mode ends a file by closing its data connection. The others may send the next
// file on the same connection: block mode marks the end of a file; compressed
// (C) and deflated (Z) data is not parsed.
const (
	modeStream = "S"
	modeBlock  = "B"
)

// In block mode data comes in blocks: a descriptor, a count of two bytes, and
// that many bytes (RFC 959, 3.4.2).
const (
	blockHeader    = 3
	blockEndOfFile = 64 // in the descriptor: the block is the last of its file
)

// A blockReader follows the blocks of a data connection.
type blockReader struct {
	header []byte
	left   int // bytes of the current block that have not been read
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
