package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
)

// failedOver returns a group whose first gateway was lost and whose second is
// the current one.
func failedOver(r *rig) *Group {
	g := r.chosen("first", "second")
	r.drops("first", errDown)
	require.Equal(r.t, "second", r.through(g))
	return g
}

func TestABetterGatewayIsReturnedToOnlyWhenNothingRuns(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		busy := r.client(g)
		r.drops("first", nil)
		after(time.Hour)
		assert.Equal(t, "second", current(g))
		require.NoError(t, busy.Close())
		after(tryEvery)
		assert.Equal(t, "first", current(g))
		assert.Equal(t, []string{"first", "second", "first"}, r.published(events.GatewaySelected))
		assert.False(t, r.isConnected("second"), "the worse one is closed")
		assert.Equal(t, "first", r.through(g))
	})
}

func TestABetterGatewayIsNotReturnedToWithoutAGreeting(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		r.hosts["first"].set(func(h *sshHost) { h.down, h.refuses = nil, errProhibited })
		after(time.Minute)
		assert.Equal(t, "second", current(g))
		assert.NotEmpty(t, r.published(events.GatewayNotBack))
		assert.Equal(t, "second", r.through(g))
	})
}

func TestAGatewayThatWasDownAtTheStartIsReturnedTo(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.drops("first", errDown)
		g := r.chosen("first", "second")
		r.drops("first", nil)
		after(tryEvery)
		assert.Equal(t, "first", current(g))
	})
}

func TestAGatewayThatAnotherGroupUsesStaysConnected(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		other := r.chosen("second")
		r.drops("first", nil)
		after(tryEvery)
		assert.Equal(t, "first", current(g))
		assert.True(t, r.isConnected("second"))
		all, _ := r.hosts["second"].opened()
		assert.Equal(t, 1, all)
		assert.Equal(t, "second", r.through(other))
	})
}
