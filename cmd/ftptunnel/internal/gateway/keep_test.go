package gateway

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// keeping runs test with a lasting group that is kept.
func keeping(t *testing.T, names []string, prepare func(*rig), test func(*rig, *Group)) {
	inBubble(t, names, func(r *rig) {
		r.pool.Lasting = true
		prepare(r)
		g := r.group(names...)
		ctx, cancel := context.WithCancel(r.t.Context())
		var keep sync.WaitGroup
		keep.Go(func() { g.Keep(ctx) })
		synctest.Wait()
		test(r, g)
		cancel()
		keep.Wait()
	})
}

// waits returns how long after an event of a kind the next attempt is.
func (r *rig) waits(kind events.Kind) (waits []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			waits = append(waits, e.Wait)
		}
	}
	return waits
}

func TestKeptGatewayThatIsDownAtFirstIsTriedAgain(t *testing.T) {
	keeping(t, []string{"gw"}, func(r *rig) { r.drops("gw", errDown) }, func(r *rig, g *Group) {
		_, err := g.Connect(r.t.Context(), ftpServer)
		assert.ErrorIs(t, err, errDown, "a client gets the reason at once")
		after(7 * time.Second)
		assert.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, r.waits(events.ConnectFailed))
		r.drops("gw", nil)
		after(8 * time.Second)
		assert.Equal(t, "gw", current(g))
		assert.Equal(t, "gw", r.through(g))
		assert.Zero(t, r.waits(events.GatewayFailed))
	})
}

func TestKeptGatewayIsTriedAgainRarelyAfterPermanentError(t *testing.T) {
	keeping(t, []string{"gw"}, func(r *rig) { r.drops("gw", errAuth) }, func(r *rig, g *Group) {
		assert.Equal(t, []time.Duration{mostTry}, r.waits(events.GatewayFailed))
		after(mostTry - time.Second)
		_, err := g.Connect(r.t.Context(), ftpServer)
		assert.ErrorIs(t, err, errAuth)
		assert.Len(t, r.waits(events.GatewayFailed), 1, "clients cause no attempt")
		after(time.Second)
		assert.Len(t, r.waits(events.GatewayFailed), 2)
		r.drops("gw", nil)
		after(mostTry)
		assert.Equal(t, "gw", r.through(g))
		assert.NoError(t, g.Err())
		assert.Zero(t, r.waits(events.ConnectFailed))
	})
}

func TestKeptGatewayIsTriedAgainAfterLosingItsConnectionForGood(t *testing.T) {
	keeping(t, []string{"gw"}, func(*rig) {}, func(r *rig, g *Group) {
		require.Equal(t, "gw", r.through(g))
		r.loses("gw", errAuth)
		_, err := g.Connect(r.t.Context(), ftpServer)
		assert.ErrorIs(t, err, errAuth)
		after(mostTry + time.Second)
		assert.Equal(t, "gw", r.through(g))
		assert.Equal(t, []time.Duration{mostTry}, r.waits(events.GatewayFailed))
	})
}

func TestReloadTriesKeptGatewayAtOnce(t *testing.T) {
	keeping(t, []string{"gw"}, func(r *rig) { r.drops("gw", errAuth) }, func(r *rig, g *Group) {
		r.drops("gw", nil)
		r.pool.Reload(r.t.Context())
		synctest.Wait()
		assert.Equal(t, "gw", current(g))
	})
}

func TestKeptGroupUsesAnotherGatewayMeanwhile(t *testing.T) {
	keeping(t, []string{"gw1", "gw2"}, func(r *rig) { r.drops("gw1", errAuth) }, func(r *rig, g *Group) {
		assert.Equal(t, "gw2", r.through(g))
		r.drops("gw1", nil)
		after(2 * mostTry)
		assert.Equal(t, "gw1", r.through(g), "also after an error that is permanent elsewhere")
	})
}

func TestGatewayOfOtherOptionsIsAnother(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		open := func(o sshconfig.Options) *Group {
			g, err := r.pool.Group(r.t.Context(), []Destination{{"gw", o}}, []string{ftpServer})
			require.NoError(t, err)
			require.NoError(t, g.Open(r.t.Context()))
			return g
		}
		first, same := open(sshconfig.Options{}), open(sshconfig.Options{})
		other := open(sshconfig.Options{Port: 2222, Settings: []string{"Compression=yes"}})
		all, _ := r.hosts["gw"].opened()
		assert.Equal(t, 2, all)
		assert.Equal(t, 2, r.read, "the configuration of each is read once")
		assert.Equal(t, []string{"gw", "gw", "gw -p 2222 -o Compression=yes"}, []string{current(first), current(same), current(other)})

		c := r.client(same)
		r.pool.Remove(first)
		r.pool.Remove(other)
		_, now := r.hosts["gw"].opened()
		assert.Equal(t, 1, now, "another group has the first gateway")
		require.NoError(t, c.Close())
		r.pool.Remove(same)
		assert.False(t, r.isConnected("gw"))
	})
}
