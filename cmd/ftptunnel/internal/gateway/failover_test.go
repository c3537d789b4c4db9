package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/tunnel"
)

var errProhibited = &tunnel.OpenError{Address: ftpServer, Prohibited: true, Err: errors.New("open failed")}

func TestChooseTakesFirstGatewayWhoseServerGreets(t *testing.T) {
	inBubble(t, []string{"down", "prohibits", "leads", "better"}, func(r *rig) {
		r.drops("down", errDown)
		r.hosts["prohibits"].refuses = errProhibited
		g := r.chosen("down", "prohibits", "leads", "better")
		assert.Equal(t, "leads", current(g))
		assert.Equal(t, []string{"leads"}, r.published(events.GatewaySelected))
		assert.Equal(t, []string{"down", "prohibits"}, r.published(events.GatewaySkipped))
		assert.False(t, r.isConnected("better"), "it is not needed")
		assert.Equal(t, "leads", r.through(g))
	})
}

func TestChooseFallsBackToFirstConnectedGateway(t *testing.T) {
	inBubble(t, []string{"down", "first", "second"}, func(r *rig) {
		r.drops("down", errDown)
		r.greets = "SSH-2.0-OpenSSH_9.2\r\n"
		g := r.group("down", "first", "second")
		var silent *SilentError
		require.ErrorAs(t, g.Choose(r.t.Context()), &silent)
		assert.Equal(t, "first", current(g))
		assert.NoError(t, g.Open(r.t.Context()), "clients will see")
	})
}

func TestOpenFailsIfAllGatewaysProhibitServer(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.hosts["first"].refuses, r.hosts["second"].refuses = errProhibited, errProhibited
		assert.ErrorIs(t, r.group("first", "second").Open(r.t.Context()), errProhibited)
	})
}

// Servers count and log each connection, and some ban for one without a login.
func TestOpenMakesNoFTPConnectionWithOneGateway(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.hosts["gw"].refuses = errProhibited // which a client will see
		g := r.group("gw")
		require.NoError(t, g.Open(r.t.Context()))
		assert.True(t, r.isConnected("gw"))
		after(time.Hour)
		assert.Zero(t, r.connections())
		_, err := g.Connect(r.t.Context(), ftpServer)
		assert.ErrorIs(t, err, errProhibited)
		assert.Empty(t, r.published(events.GatewaySelected), "there is nothing to select")

		r.hosts["gw"].set(func(h *sshHost) { h.refuses = nil })
		assert.Equal(t, "gw", r.through(g))
		assert.Equal(t, 1, r.connections(), "it is the client's")
	})
}

func TestOpenFailsIfOneGatewayIsDown(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.drops("gw", errDown)
		assert.Equal(t, errDown, r.group("gw").Open(r.t.Context()))
	})
}

func TestChooseNeedsGreetingWithOneGatewayToo(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.greets = "SSH-2.0-OpenSSH_9.2\r\n"
		assert.EqualError(t, r.group("gw").Choose(r.t.Context()), `127.0.0.1:21 does not greet as an FTP server: "SSH-2.0-OpenSSH_9.2"`)
		assert.Equal(t, 1, r.connections())
	})
}

func TestConnectUsesNextGatewayWithin10Seconds(t *testing.T) {
	for name, breaks := range map[string]func(h *sshHost){
		"it is frozen":                func(h *sshHost) { h.stuck = true },
		"its connection is lost":      func(h *sshHost) { h.down = errDown },
		"it prohibits the FTP server": func(h *sshHost) { h.refuses = errProhibited },
		"it cannot reach the server":  func(h *sshHost) { h.refuses = &tunnel.OpenError{Err: errors.New("no route to host")} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, []string{"first", "second"}, func(r *rig) {
				g := r.chosen("first", "second")
				assert.Equal(t, "first", r.through(g))
				r.hosts["first"].set(breaks)
				began := time.Now()
				assert.Equal(t, "second", r.through(g))
				assert.LessOrEqual(t, time.Since(began), 10*time.Second)
				assert.Equal(t, []string{"first", "second"}, r.published(events.GatewaySelected))

				began = time.Now()
				assert.Equal(t, "second", r.through(g))
				assert.Zero(t, time.Since(began), "later clients do not wait for the first")
			})
		})
	}
}

func TestSelectedEventHasReasonForSwitch(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := r.chosen("first", "second")
		r.hosts["first"].set(func(h *sshHost) { h.refuses = errProhibited })
		r.through(g)
		last := r.events[len(r.events)-1]
		assert.Equal(t, events.GatewaySelected, last.Kind)
		assert.Equal(t, "second", last.Gateway)
		assert.Equal(t, "first", last.Previous)
		assert.ErrorIs(t, last.Err, errProhibited)
	})
}

func TestSessionKeepsItsGateway(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := r.chosen("first", "second")
		old := r.client(g)
		r.hosts["first"].set(func(h *sshHost) { h.refuses = errProhibited })
		other := r.client(g)
		assert.Equal(t, "second", other.gateway)
		assert.NotEqual(t, old.network, other.network)
		r.hosts["first"].set(func(h *sshHost) { h.refuses = nil })
		data, err := old.network.(Tunnel).DialContext(r.t.Context(), "tcp", ftpServer)
		require.NoError(t, err, "its data connections use the first gateway")
		assert.NoError(t, data.Close())
		assert.NoError(t, old.Close())
		assert.NoError(t, other.Close())
	})
}

func TestConnectReturnsTheErrorOfEachGateway(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := r.chosen("first", "second")
		for _, h := range r.hosts {
			h.set(func(h *sshHost) { h.refuses = errProhibited })
		}
		_, err := g.Connect(r.t.Context(), ftpServer)
		assert.ErrorContains(t, err, "through first: the gateway forbids connections")
		assert.ErrorContains(t, err, "; through second: the gateway forbids connections")
		assert.Equal(t, "first", current(g))
	})
}

func TestConnectWaitsForReconnectIfNoGatewayIsLeft(t *testing.T) {
	for _, names := range [][]string{{"first"}, {"first", "second"}} {
		inBubble(t, names, func(r *rig) {
			g := r.chosen(names...)
			for _, name := range names {
				r.drops(name, errDown)
			}
			began := time.Now()
			_, err := g.Connect(r.t.Context(), ftpServer)
			assert.ErrorIs(t, err, tunnel.ErrLost)
			assert.Equal(t, 30*time.Second, time.Since(began))
		})
	}
}

func TestPermanentErrorsRemoveGatewaysUntilGroupEnds(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		g := r.chosen("first", "second")
		r.loses("first", errAuth)
		assert.Equal(t, []string{"first"}, r.published(events.GatewayGivenUp))
		assert.NoError(t, g.Err())
		assert.Equal(t, "second", r.through(g))
		after(time.Hour)
		all, _ := r.hosts["first"].opened()
		assert.Equal(t, 1, all, "it is not tried again")

		r.loses("second", errAuth)
		<-g.Done()
		assert.ErrorIs(t, g.Err(), errAuth)
		assert.ErrorContains(t, g.Err(), "through first: ")
		assert.ErrorContains(t, g.Err(), "; through second: ")
		_, err := g.Connect(r.t.Context(), ftpServer)
		assert.ErrorIs(t, err, errAuth)
	})
}

func TestChooseEndsWithItsContext(t *testing.T) {
	inBubble(t, []string{"first", "second"}, func(r *rig) {
		r.hosts["first"].stuck = true
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, r.group("first", "second").Choose(ctx), context.DeadlineExceeded)
		synctest.Wait()
		assert.False(t, r.isConnected("second"))
	})
}
