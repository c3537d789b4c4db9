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

func TestGroupReturnsToBetterGatewayOnlyWhenIdle(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		busy := r.client(g)
		r.drops("first", nil)
		after(time.Hour)
		assert.Equal(t, "second", current(g))
		require.NoError(t, busy.Close())
		after(firstTry)
		assert.Equal(t, "first", current(g))
		assert.Equal(t, []string{"first", "second", "first"}, r.published(events.GatewaySelected))
		assert.False(t, r.isConnected("second"), "the worse one is closed")
		assert.Equal(t, "first", r.through(g))
	})
}

func TestGroupDoesNotReturnWithoutGreeting(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		r.hosts["first"].set(func(h *sshHost) { h.down, h.refuses = nil, errProhibited })
		after(time.Minute)
		assert.Equal(t, "second", current(g))
		assert.NotEmpty(t, r.published(events.GatewayNotBack))
		assert.Equal(t, "second", r.through(g))
	})
}

func TestGroupReturnsToGatewayThatWasDownAtStart(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.drops("first", errDown)
		g := r.chosen("first", "second")
		r.drops("first", nil)
		after(firstTry)
		assert.Equal(t, "first", current(g))
	})
}

func TestGatewayStaysConnectedWhileAnotherGroupUsesIt(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		other := r.chosen("second")
		r.drops("first", nil)
		after(firstTry)
		assert.Equal(t, "first", current(g))
		assert.True(t, r.isConnected("second"))
		all, _ := r.hosts["second"].opened()
		assert.Equal(t, 1, all)
		assert.Equal(t, "second", r.through(other))
	})
}

// Each try connects to the FTP servers, which count it.
func TestRetriesOfBetterGatewayBackOff(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		r.hosts["first"].set(func(h *sshHost) { h.down, h.refuses = nil, errProhibited })
		began := time.Now()
		after(time.Hour)
		var tries, waits []time.Duration
		for _, e := range r.events {
			if e.Kind == events.GatewayNotBack {
				tries = append(tries, e.Time.Sub(began))
				waits = append(waits, e.Wait)
			}
		}
		require.GreaterOrEqual(t, len(tries), 7)
		assert.Equal(t, []time.Duration{
			10 * time.Second, 30 * time.Second, 70 * time.Second, 150 * time.Second, 310 * time.Second,
			610 * time.Second, 910 * time.Second,
		}, tries[:7])
		assert.Equal(t, []time.Duration{20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, mostTry, mostTry, mostTry}, waits[:7])

		r.hosts["first"].set(func(h *sshHost) { h.refuses = nil })
		after(mostTry)
		assert.Equal(t, "first", current(g), "it is back in the end")
	})
}

func TestBackoffResetsWhenGatewayChanges(t *testing.T) {
	inBubble(t, []string{"first", "second", "third"}, func(r *rig) {
		r.drops("first", errDown)
		g := r.chosen("first", "second", "third")
		after(time.Hour) // the tries are minutes apart
		r.hosts["second"].set(func(h *sshHost) { h.refuses = errProhibited })
		require.Equal(t, "third", r.through(g))
		r.drops("first", nil)
		after(firstTry)
		assert.Equal(t, "first", current(g))
	})
}

func TestBackoffDoesNotGrowWhileSessionsRun(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := failedOver(r)
		busy := r.client(g)
		after(time.Hour)
		assert.Empty(t, r.published(events.GatewayNotBack), "nothing is tried")
		require.NoError(t, busy.Close())
		r.drops("first", nil)
		after(firstTry)
		assert.Equal(t, "first", current(g))
	})
}
