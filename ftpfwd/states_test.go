package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An impossible transition fails a test instead of closing the session.
func init() { recoverImpossible = false }

// checkTransitions checks for each pair of states whether enter panics.
func checkTransitions[S interface {
	~int
	fmt.Stringer
}](t *testing.T, last S, allowed map[S][]S, enter func(from, to S)) {
	for from := range last + 1 {
		for to := range last + 1 {
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) {
				if slices.Contains(allowed[from], to) {
					assert.NotPanics(t, func() { enter(from, to) })
					return
				}
				defer func() {
					err, ok := recover().(impossible)
					require.True(t, ok, "it must panic")
					assert.Contains(t, err.Error(), fmt.Sprintf("cannot change from %q to %q", from, to))
				}()
				enter(from, to)
			})
		}
	}
}

func TestPhaseTransitions(t *testing.T) {
	checkTransitions(t, done, map[phase][]phase{
		awaitTarget: {connecting, closing, done},
		connecting:  {greeting, closing, done},
		greeting:    {relaying, passthrough, closing, done},
		relaying:    {passthrough, leaving, closing, done}, // passthrough: a server that greeted late, and not with FTP
		passthrough: {closing, done},
		leaving:     {closing, done},
		closing:     {done},
	}, func(from, to phase) {
		s := &session{phase: from}
		s.enter(to)
		assert.Equal(t, to, s.phase)
	})
}

func TestDataPathTransitions(t *testing.T) {
	checkTransitions(t, closed, map[pathState][]pathState{
		asking:    {asking, listening, dialing, ready, closed},
		listening: {asking, listening, closed},
		dialing:   {asking, dialing, ready, closed},
		ready:     {asking, ready, closed},
		closed:    {closed},
	}, func(from, to pathState) {
		p := &dataPath{state: from}
		p.enter(to)
		assert.Equal(t, to, p.state)
	})
}

func TestDataConnectionTransitions(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	allowed := map[dataState][]dataState{
		half:         {dialingOther, joined, failed, drained},
		dialingOther: {half, failed, drained},
		joined:       {failed, drained},
		failed:       {drained},
	}
	checkTransitions(t, drained, allowed, func(from, to dataState) {
		d := &dataConn{state: from, client: client, server: server}
		d.enter(to)
		assert.Equal(t, to, d.state)
	})
	for _, d := range []*dataConn{{}, {client: client}, {server: server}} {
		assert.Panics(t, func() { d.enter(joined) }, "a side is missing")
	}
}

func TestTransferTransitions(t *testing.T) {
	checkTransitions(t, ended, map[transferState][]transferState{
		commanded:      {awaitingClient, begun, finishing, delivered, ended},
		awaitingClient: {begun, finishing, delivered, ended},
		begun:          {finishing, delivered, ended},
		finishing:      {delivered, ended},
		delivered:      {ended},
	}, func(from, to transferState) {
		tr := &transfer{state: from}
		tr.enter(to)
		assert.Equal(t, to, tr.state)
	})
}

// impossibleEvent is an event that makes a transition which cannot be.
type impossibleEvent struct{}

func (impossibleEvent) apply(_ context.Context, s *session) { s.enter(awaitTarget) }

func TestImpossibleTransitionClosesSessionAndIsReported(t *testing.T) {
	recoverImpossible = true
	defer func() { recoverImpossible = false }()
	withRig(t, func(r *rig) {
		client, server := r.passive()
		r.startTransfer("STOR x")
		sendData(r.t, client, server, "half of")
		l, _ := r.active()
		require.NoError(r.t, l.Close())
		r.onlySession().post(impossibleEvent{})

		r.server.expectEOF()
		requireReset(r.t, client)
		assert.Empty(r.t, readData(r.t, server))
		r.client.expectEOF()
		near, far := r.openListeners()
		assert.Zero(r.t, near)
		assert.Zero(r.t, far)

		warnings := r.events(Warned)
		require.Len(r.t, warnings, 1)
		assert.Equal(r.t, InternalError, warnings[0].Warning)
		want := impossible{"session", relaying, awaitTarget}
		assert.Equal(r.t, want, warnings[0].Err)
		ended := r.events(SessionClosed)
		require.Len(r.t, ended, 1)
		assert.Equal(r.t, want, ended[0].Err)
		tr := r.endedTransfer()
		assert.Equal(r.t, want, tr.Err)
		assert.Equal(r.t, Tunnel, tr.Blame)
		assert.Empty(r.t, r.forwarder.Sessions(r.t.Context()))
	})
}

func TestOtherSessionsContinueAfterAnImpossibleTransition(t *testing.T) {
	recoverImpossible = true
	defer func() { recoverImpossible = false }()
	withRig(t, func(r *rig) {
		first := r.onlySession()
		client, server := r.openSecond()
		first.post(impossibleEvent{})
		r.client.expectEOF()
		client.send("NOOP")
		server.expect("NOOP")
		require.NoError(r.t, client.conn.Close())
		require.NoError(r.t, server.conn.Close())
	})
}

func TestOtherPanicsAreNotRecovered(t *testing.T) {
	recoverImpossible = true
	defer func() { recoverImpossible = false }()
	fault := errors.New("a fault of another kind")
	assert.PanicsWithValue(t, fault, func() {
		s := &session{f: &Forwarder{}}
		defer s.recoverImpossible()
		panic(fault)
	})
}

// onlySession returns the session of a rig that has one.
func (r *rig) onlySession() *session {
	r.forwarder.mu.Lock()
	defer r.forwarder.mu.Unlock()
	require.Len(r.t, r.forwarder.sessions, 1)
	for s := range r.forwarder.sessions {
		return s
	}
	return nil
}
