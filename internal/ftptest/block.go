package ftptest

import (
	"encoding/binary"
	"io"
	"net"
)

// A blockConn is a data connection in block mode (RFC 959, 3.4.2), for one
// file: what is written becomes blocks, and reading ends with the file's last
// one. The connection stays open.
type blockConn struct {
	net.Conn
	left int  // of the block that is being read
	last bool // it is the file's last one
}

const (
	endOfFile    = 64 // in a block's descriptor
	longestBlock = 1<<16 - 1
)

func (c *blockConn) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.last {
			return 0, io.EOF
		}
		var header [3]byte
		if _, err := io.ReadFull(c.Conn, header[:]); err != nil {
			return 0, io.ErrUnexpectedEOF // the file's end was not announced
		}
		c.last, c.left = header[0]&endOfFile != 0, int(binary.BigEndian.Uint16(header[1:]))
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (c *blockConn) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), longestBlock)]
		p = p[len(part):]
		if err := c.writeBlock(0, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// end writes the block that ends the file, unless the file was read.
func (c *blockConn) end() error {
	if c.last {
		return nil
	}
	return c.writeBlock(endOfFile, nil)
}

func (c *blockConn) writeBlock(descriptor byte, data []byte) error {
	header := binary.BigEndian.AppendUint16([]byte{descriptor}, uint16(len(data)))
	_, err := (&net.Buffers{header, data}).WriteTo(c.Conn)
	return err
}
