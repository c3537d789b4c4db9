package tunnel

import (
	"math/rand/v2"
	"time"
)

const (
	firstStep = time.Second
	lastStep  = time.Minute

	// longLived is how long a connection must have been up for its loss to be
	// an accident, after which the next attempt is made at once.
	longLived = 30 * time.Second
)

// A backoff says how long to wait before each attempt to connect.
type backoff struct {
	step time.Duration // the most that the next wait may be

	// random picks a wait from zero to most.
	random func(most time.Duration) time.Duration
}

func newBackoff() *backoff {
	return &backoff{
		step:   firstStep,
		random: func(most time.Duration) time.Duration { return rand.N(most + 1) },
	}
}

// lost notes that a connection was lost which had been up for the given time.
func (b *backoff) lost(lived time.Duration) {
	if lived >= longLived {
		b.step = 0
	}
}

// next returns the wait before the next attempt.
func (b *backoff) next() time.Duration {
	wait := b.random(b.step)
	b.step = min(max(2*b.step, firstStep), lastStep)
	return wait
}
