package gateway

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/tunnel"
)

func TestFirstClientGetsConnectionOfProbe(t *testing.T) {
	for _, names := range [][]string{{"gw"}, {"first", "second"}} {
		inBubble(t, names, func(r *rig) {
			r.places = 1
			g := r.probed(names...)
			c := r.client(g)
			assert.Equal(t, 1, r.connections(), "it is the probe's, and its greeting is unread")
			assert.Equal(t, names[0], c.gateway)
			require.NoError(t, c.Close())
			after(freesAfter)
			require.NoError(t, r.client(g).Close())
			assert.Equal(t, 2, r.connections())
		})
	}
}

func TestServersOfSeveralPortsAreProbedOnce(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.places = 1
		g, err := r.pool.Group(r.t.Context(), destinations("gw"), []string{ftpServer, ftpServer})
		require.NoError(t, err)
		require.NoError(t, g.Choose(r.t.Context()))
		assert.Equal(t, 1, r.connections())
	})
}

func TestSpareThatNobodyWantsFreesItsPlace(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.places = 1
		g := r.probed("gw")
		after(spareFor + freesAfter)
		r.mu.Lock()
		assert.Zero(t, r.taken)
		r.mu.Unlock()
		require.NoError(t, r.client(g).Close())
	})
}

func TestSpareOfLostConnectionIsNotGiven(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		g := r.probed("gw")
		g.mu.Lock()
		s := g.spares[ftpServer]
		g.mu.Unlock()
		require.NoError(t, s.conn.Conn.Close()) // as when SSH is lost
		synctest.Wait()
		require.NoError(t, r.client(g).Close())
		assert.Equal(t, 2, r.connections())
	})
}

// The place must be free before the next connection to the server is made.
func TestGatewayThatIsGivenUpFreesItsPlace(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.places = 1
		g := r.probed("first", "second")
		g.makeCurrent(g.members[1], nil)
		c := r.client(g)
		assert.Equal(t, "second", c.gateway)
		require.NoError(t, c.Close())
	})
}

func TestChooseNamesAllGatewaysThatAreDown(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.drops("first", errDown)
		r.drops("second", errAuth)
		err := r.group("first", "second").Choose(r.t.Context())
		assert.EqualError(t, err, "through first: "+errDown.Error()+"; through second: "+errAuth.Error())
	})
}

func TestProbeOfBetterGatewayEndsForClient(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.drops("first", errDown)
		g := r.probed("first", "second")
		after(spareFor + time.Second)
		r.hosts["first"].set(func(h *sshHost) { h.down = nil })
		r.hosts["first"].set(func(h *sshHost) { h.stuck = true })
		for !probing(g) {
			after(time.Second)
		}
		began := time.Now()
		assert.Equal(t, "second", r.through(g))
		assert.Zero(t, time.Since(began), "the client does not wait for the probe's limit")
		assert.False(t, probing(g))
	})
}

func probing(g *Group) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.probing != nil
}

func TestBetterGatewayKeepsItsProbeForClient(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.places = 1
		r.hosts["first"].refuses = &tunnel.OpenError{Err: io.ErrUnexpectedEOF}
		g := r.probed("first", "second")
		require.NoError(t, r.client(g).Close())
		r.hosts["first"].set(func(h *sshHost) { h.refuses = nil })
		for current(g) == "second" {
			after(time.Second)
		}
		before := r.connections()
		assert.Equal(t, "first", r.through(g))
		assert.Equal(t, before, r.connections())
	})
}
