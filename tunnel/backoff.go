package tunnel

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait   = time.Second
	longestWait = time.Minute
	steadyAfter = 30 * time.Second // a connection that lived this long was well
)

// A backoff says how long to wait before each attempt to connect again.
type backoff struct {
	next time.Duration
}

// lost starts anew after a connection that lived for lived: the first attempt
// follows at once if it was well.
func (b *backoff) lost(lived time.Duration) {
	if lived >= steadyAfter {
		b.next = 0
	} else {
		b.next = max(b.next, firstWait)
	}
}

// wait returns how long to wait now: at random up to twice as long as the time
// before, so that many clients of one server do not come back together.
func (b *backoff) wait() time.Duration {
	wait := b.next
	b.next = min(max(2*b.next, firstWait), longestWait)
	if wait == 0 {
		return 0
	}
	return wait/2 + rand.N(wait/2+1)
}
