package ftptest

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// A mode is a transmission mode: how a file is encoded on a data connection.
type mode byte

const (
	stream  mode = 'S' // RFC 959, 3.4.1
	block   mode = 'B' // RFC 959, 3.4.2
	deflate mode = 'Z' // draft-preston-ftpext-deflate
)

// send writes all of from to a data connection.
func (m mode) send(conn io.Writer, from io.Reader) error {
	switch m {
	case block:
		return sendBlocks(conn, from)
	case deflate:
		z := zlib.NewWriter(conn)
		if _, err := io.Copy(z, from); err != nil {
			return err
		}
		return z.Close()
	default:
		_, err := io.Copy(conn, from)
		return err
	}
}

// receive reads a file from a data connection and writes it.
func (m mode) receive(to io.Writer, conn io.Reader) error {
	// The file's own ReadFrom would report a reset as an error of the file.
	to = struct{ io.Writer }{to}
	switch m {
	case block:
		return receiveBlocks(to, conn)
	case deflate:
		z, err := zlib.NewReader(conn)
		if err != nil {
			return unexpected(err)
		}
		_, err = io.Copy(to, z)
		return err
	default:
		_, err := io.Copy(to, conn)
		return err
	}
}

// The descriptors of blocks. Others, for suspected data (32) and the end of a
// record (128), mean nothing in a file without records.
const (
	endOfFile     = 64
	restartMarker = 16
)

// A block begins with a descriptor and the number of bytes that follow.
const blockHeader = 3

func sendBlocks(conn io.Writer, from io.Reader) error {
	out := bufio.NewWriter(conn)
	data := make([]byte, 32<<10)
	for {
		n, err := io.ReadFull(from, data)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		var header [blockHeader]byte
		if n < len(data) {
			header[0] = endOfFile
		}
		binary.BigEndian.PutUint16(header[1:], uint16(n))
		_, _ = out.Write(header[:])
		if _, err := out.Write(data[:n]); err != nil {
			return err
		}
		if header[0] == endOfFile {
			return out.Flush()
		}
	}
}

// receiveBlocks stops reading after the block that ends the file, since the next
// file may follow.
func receiveBlocks(to io.Writer, conn io.Reader) error {
	for {
		var header [blockHeader]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return unexpected(err)
		}
		data := to
		if header[0]&restartMarker != 0 {
			data = io.Discard
		}
		if _, err := io.CopyN(data, conn, int64(binary.BigEndian.Uint16(header[1:]))); err != nil {
			return unexpected(err)
		}
		if header[0]&endOfFile != 0 {
			return nil
		}
	}
}

// unexpected returns an error for the end of a connection in the middle of a file.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
