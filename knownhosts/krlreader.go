package knownhosts

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errMalformedKRL = errors.New("malformed key revocation list")

// A krlReader reads the fields of a key revocation list, or of a section of one.
// Integers are big-endian, and a string has its length before it (RFC 4251,
// section 5). After the first error, which err holds, it returns zero values and
// more reports false.
type krlReader struct {
	rest []byte
	err  error
}

// more reports whether there is anything left to read.
func (r *krlReader) more() bool { return r.err == nil && len(r.rest) > 0 }

// fail sets err, unless it is set.
func (r *krlReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// require makes the list malformed unless ok is set.
func (r *krlReader) require(ok bool) {
	if !ok {
		r.fail(errMalformedKRL)
	}
}

func (r *krlReader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail(errMalformedKRL)
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *krlReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *krlReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *krlReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *krlReader) string() []byte { return r.take(int(r.uint32())) }

// extension skips an extension. A critical one is an error, since none is known.
func (r *krlReader) extension() {
	name, critical := r.string(), r.byte()
	r.string() // contents
	if critical != 0 {
		r.fail(fmt.Errorf("unknown critical extension %q in key revocation list", name))
	}
}
