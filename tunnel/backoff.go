package tunnel

import (
	"math/rand/v2"
	"time"
)

const (
	firstMaxWait = time.Second
	lastMaxWait  = time.Minute

	// stableAfter is how long a connection must have been up for its loss to
	// lead to an attempt at once.
	stableAfter = 30 * time.Second
)

// A backoff chooses how long to wait before each attempt to connect: a random
// time up to a maximum, which doubles with each attempt.
type backoff struct {
	maxWait time.Duration

	// random returns a duration from zero to limit.
	random func(limit time.Duration) time.Duration
}

func newBackoff() *backoff {
	return &backoff{
		maxWait: firstMaxWait,
		random:  func(limit time.Duration) time.Duration { return rand.N(limit + 1) },
	}
}

// lost records the loss of a connection that was up for the given time.
func (b *backoff) lost(up time.Duration) {
	if up >= stableAfter {
		b.maxWait = 0
	}
}

// next returns the wait before the next attempt.
func (b *backoff) next() time.Duration {
	wait := b.random(b.maxWait)
	b.maxWait = min(max(2*b.maxWait, firstMaxWait), lastMaxWait)
	return wait
}
