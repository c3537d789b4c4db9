package gateway

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/tunnel"
)

var errDown = &tunnel.HopError{Op: "dial", Err: errors.New("connection refused")}

func TestGroupsShareOneSSHConnection(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.hosts["gw"].connects = func(context.Context) error {
			time.Sleep(time.Second)
			return nil
		}
		first, second := r.group("gw"), r.group("gw") // of two listeners
		var clients sync.WaitGroup
		for _, g := range []*Group{first, second, first, second} {
			clients.Go(func() { assert.Equal(t, "gw", r.through(g)) })
		}
		clients.Wait()
		all, now := r.hosts["gw"].opened()
		assert.Equal(t, []int{1, 1}, []int{all, now})
	})
}

func TestConnectionAttemptOutlivesItsCaller(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.hosts["gw"].connects = func(context.Context) error {
			time.Sleep(time.Minute) // the user is asked for a password
			return nil
		}
		g := r.group("gw")
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, g.Choose(ctx), context.DeadlineExceeded)
		after(time.Minute)
		all, _ := r.hosts["gw"].opened()
		assert.Equal(t, 1, all)
	})
}

func TestCloseCancelsAttempt(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		r.hosts["gw"].connects = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		g := r.group("gw")
		failed := make(chan error, 1)
		go func() { failed <- g.Choose(r.t.Context()) }()
		synctest.Wait()
		r.pool.Close()
		assert.ErrorIs(t, <-failed, errClosed)
		assert.ErrorIs(t, g.Err(), tunnel.ErrClosed)
		_, err := g.Connect(r.t.Context(), ftpServer)
		assert.ErrorIs(t, err, errClosed)
	})
}

func TestCloseEndsConnectionsInUse(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		c := r.client(r.chosen("gw"))
		r.pool.Close()
		assert.False(t, r.isConnected("gw"))
		assert.NoError(t, c.Close(), "its session ends later")
	})
}

func TestGatewayRetriesUnlessErrorIsPermanent(t *testing.T) {
	inBubble(t, []string{"gw"}, func(r *rig) {
		attempts, fails := 0, error(errDown)
		r.hosts["gw"].connects = func(context.Context) error {
			attempts++
			return fails
		}
		g := r.group("gw")
		assert.Equal(t, errDown, g.Choose(r.t.Context()))
		assert.NoError(t, g.Err())
		fails = errAuth
		assert.Equal(t, errAuth, g.Choose(r.t.Context()))
		synctest.Wait()
		assert.Equal(t, errAuth, g.Err())
		fails = nil
		assert.Equal(t, errAuth, g.Choose(r.t.Context()))
		assert.Equal(t, 2, attempts, "a server that has refused to authenticate the user is left alone")
	})
}

func TestReloadClosesOldConnectionWithItsLastSession(t *testing.T) {
	inBubble(t, []string{"gw", "other"}, func(r *rig) {
		g := r.chosen("gw")
		first, second := r.client(g), r.client(g)
		r.config["gw"] = "other"
		r.pool.Reload(r.t.Context())
		assert.Equal(t, []string{"gw"}, r.published(events.ConfigChanged))

		third := r.client(g)
		assert.NotEqual(t, first.network, third.network, "new sessions use the new connection")
		all, _ := r.hosts["other"].opened()
		assert.Equal(t, 1, all)
		require.NoError(t, first.Close())
		assert.True(t, r.isConnected("gw"), "a session is left")
		require.NoError(t, second.Close())
		assert.False(t, r.isConnected("gw"))
		assert.NoError(t, third.Close())
		assert.True(t, r.isConnected("other"))
	})
}

func TestReloadKeepsWorkingConfiguration(t *testing.T) {
	inBubble(t, []string{"gw", "other"}, func(r *rig) {
		g := r.chosen("gw")
		r.pool.Reload(r.t.Context())
		assert.Equal(t, []string{"gw"}, r.published(events.ConfigUnchanged))
		r.config["gw"] = ""
		r.pool.Reload(r.t.Context())
		assert.Equal(t, []string{"gw"}, r.published(events.ConfigRejected))
		r.config["gw"] = "other"
		r.drops("other", errDown)
		r.pool.Reload(r.t.Context())
		assert.Equal(t, []string{"gw"}, r.published(events.ConfigUnworkable))
		assert.Equal(t, "gw", r.through(g))
		assert.True(t, r.isConnected("gw"))
		assert.False(t, r.isConnected("other"))
	})
}

func TestReloadRevivesFailedGateway(t *testing.T) {
	inBubble(t, []string{"gw", "next"}, func(r *rig) {
		r.hosts["gw"].connects = func(context.Context) error { return errAuth }
		g := r.chosen("gw", "next")
		assert.Equal(t, "next", current(g))
		r.hosts["gw"].connects = nil // the key is accepted now
		r.pool.Reload(r.t.Context())
		assert.Equal(t, []string{"gw"}, r.published(events.ConfigChanged))
		after(firstTry)
		assert.Equal(t, "gw", current(g))
	})
}

func TestReloadAbandonsAttemptWithOldConfiguration(t *testing.T) {
	inBubble(t, []string{"gw", "other"}, func(r *rig) {
		r.hosts["gw"].connects = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		g := r.group("gw")
		chosen := make(chan error, 1)
		go func() { chosen <- g.Choose(r.t.Context()) }()
		synctest.Wait()
		r.config["gw"] = "other"
		r.pool.Reload(r.t.Context())
		assert.NoError(t, <-chosen, "who waited is connected with the new one")
		assert.True(t, r.isConnected("other"))
	})
}
