package greeting

import (
	"fmt"
	"io"
)

const (
	maxReceived = 64 << 10 // bytes of a greeting
	maxQuoted   = 200      // bytes of one that an error quotes
)

var errTooLong = fmt.Errorf("it sent %d kB without a greeting", maxReceived>>10)

// A bounded reader returns errTooLong instead of what is beyond its limit.
type bounded struct {
	from io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
