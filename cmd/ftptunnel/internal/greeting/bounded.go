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

// A Bounded reader returns Err instead of what is beyond its limit.
type Bounded struct {
	From io.Reader
	Left int // bytes that it still returns
	Err  error
}

func (b *Bounded) Read(p []byte) (int, error) {
	if b.Left == 0 {
		return 0, b.Err
	}
	n, err := b.From.Read(p[:min(len(p), b.Left)])
	b.Left -= n
	return n, err
}
