package tunnel

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoffGrowsToAMinuteAndResetsAfterStableConnection(t *testing.T) {
	b := newBackoff()
	b.random = func(most time.Duration) time.Duration { return most }
	waits := func(n int) (all []time.Duration) {
		for range n {
			all = append(all, b.next()/time.Second)
		}
		return all
	}
	assert.Equal(t, []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}, waits(8))
	b.lost(time.Second)
	assert.Equal(t, []time.Duration{60}, waits(1), "it was not up for long enough")
	b.lost(stableAfter)
	assert.Equal(t, []time.Duration{0, 1, 2}, waits(3), "the first attempt is immediate")
}

func TestBackoffIsRandomUpToItsMaximum(t *testing.T) {
	b := newBackoff()
	seen := make(map[time.Duration]bool)
	for range 100 {
		b.maxWait = time.Minute
		wait := b.next()
		assert.LessOrEqual(t, wait, time.Minute)
		assert.GreaterOrEqual(t, wait, time.Duration(0))
		seen[wait] = true
	}
	assert.Greater(t, len(seen), 50)
}
