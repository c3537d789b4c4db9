//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSeedOfSoakRepeatsItsPlan(t *testing.T) {
	one, same, other := newPlan(100, 7), newPlan(100, 7), newPlan(100, 8)
	assert.Equal(t, one.files, same.files)
	assert.Equal(t, one.jobs, same.jobs)
	assert.NotEqual(t, one.jobs, other.jobs)
	for range 100 {
		a, b := one.faults.injection(), same.faults.injection()
		assert.Equal(t, a.after, b.after)
		assert.Equal(t, a.lasting, b.lasting)
		assert.Equal(t, a.faults, b.faults)
		assert.Equal(t, a.dice.Uint64(), b.dice.Uint64())
	}
}
