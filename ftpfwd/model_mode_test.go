package ftpfwd

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"net"
)

// A transmission is how the data of a conversation is sent: in which transfer mode,
// and whether its data connections are kept for the transfers to come, as block and
// deflate mode allow.
type transmission struct {
	mode  string
	keeps bool
}

// newTransmission reads a transmission from three bits.
func newTransmission(b byte) transmission {
	return []transmission{{mode: modeStream}, {mode: modeStream}, {mode: modeStream}, {mode: modeStream},
		{modeBlock, false}, {modeBlock, true}, {modeDeflate, false}, {modeDeflate, true}}[b&7]
}

// marksEnds reports whether the data itself says where a file ends.
func (tm transmission) marksEnds() bool { return tm.mode != modeStream }

// encode returns the bytes that carry a file.
func (tm transmission) encode(file []byte) []byte {
	var b bytes.Buffer
	switch tm.mode {
	case modeBlock:
		for piece := range pieces(file, 1000) {
			b.WriteByte(0)
			_ = binary.Write(&b, binary.BigEndian, uint16(len(piece)))
			b.Write(piece)
		}
		b.Write([]byte{endOfFile, 0, 0})
	case modeDeflate:
		z, _ := zlib.NewWriterLevel(&b, zlib.NoCompression)
		_, _ = z.Write(file)
		_ = z.Close()
	default:
		b.Write(file)
	}
	return b.Bytes()
}

// A keptConn is a data connection that is kept for the next transfer.
type keptConn struct{ conn net.Conn } // nil if there is none

// take returns the connection that was kept, or nil.
func (k *keptConn) take() net.Conn {
	conn := k.conn
	k.conn = nil
	return conn
}

// close closes the connection if one is kept.
func (k *keptConn) close() {
	if conn := k.take(); conn != nil {
		_ = conn.Close()
	}
}
