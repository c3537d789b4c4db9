package events

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// A view records the events that it handles. While it is stuck, it handles none.
type view struct {
	stuck  chan struct{} // if not nil, Handle waits until it is closed
	mu     sync.Mutex
	events []Event
}

func (v *view) handle(e Event) {
	if v.stuck != nil {
		<-v.stuck
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.events = append(v.events, e)
}

// seen returns the texts of the events, and the counts of those dropped.
func (v *view) seen() (texts []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.events {
		if e.Kind == EventsDropped {
			e.Text = fmt.Sprintf("dropped %d", e.Count)
		}
		texts = append(texts, e.Text)
	}
	return texts
}

func publish(s *Stream, from, to int) {
	for i := from; i <= to; i++ {
		s.Publish(Event{Kind: Warned, Text: fmt.Sprint(i)})
	}
}

func TestStreamDeliversInOrderToEachObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Stream
		first, second := &view{}, &view{}
		s.Observe(Observer{Handle: first.handle, Limit: 10})
		publish(&s, 1, 2)
		s.Observe(Observer{Handle: second.handle, Limit: 10})
		publish(&s, 3, 4)
		require.True(t, s.Close(time.Second))
		assert.Equal(t, []string{"1", "2", "3", "4"}, first.seen())
		assert.Equal(t, []string{"3", "4"}, second.seen())
		assert.Equal(t, time.Now(), first.events[0].Time)
		publish(&s, 5, 5)
		s.Observe(Observer{Handle: second.handle, Limit: 10})
		assert.Len(t, first.seen(), 4, "nothing arrives after Close")
	})
}

func TestStreamReportsDroppedEventsToSlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Stream
		slow, other := &view{stuck: make(chan struct{})}, &view{}
		s.Observe(Observer{Handle: slow.handle, Limit: 3})
		s.Observe(Observer{Handle: other.handle, Limit: 100})
		publish(&s, 1, 1)
		synctest.Wait() // the observer has the first event and is stuck
		publish(&s, 2, 10)
		synctest.Wait()
		assert.Len(t, other.seen(), 10, "another observer loses nothing")
		close(slow.stuck)
		synctest.Wait()
		assert.Equal(t, []string{"1", "2", "3", "4", "dropped 6"}, slow.seen(), "the count is reported without a further event")
		publish(&s, 11, 12)
		require.True(t, s.Close(time.Second))
		assert.Equal(t, []string{"1", "2", "3", "4", "dropped 6", "11", "12"}, slow.seen())
	})
}

func TestStreamDoesNotQueueUnwantedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Stream
		v := &view{stuck: make(chan struct{})}
		s.Observe(Observer{Handle: v.handle, Limit: 1, Wants: func(k Kind) bool { return k != LinePassed }})
		publish(&s, 1, 1)
		synctest.Wait()
		for range 100 {
			s.Publish(Event{Kind: LinePassed})
		}
		publish(&s, 2, 2)
		close(v.stuck)
		require.True(t, s.Close(time.Second))
		assert.Equal(t, []string{"1", "2"}, v.seen())
	})
}

func TestCloseDoesNotWaitForHangingObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Stream
		v := &view{stuck: make(chan struct{})}
		s.Observe(Observer{Handle: v.handle, Limit: 10})
		publish(&s, 1, 2)
		began := time.Now()
		assert.False(t, s.Flush(time.Second))
		assert.False(t, s.Close(3*time.Second))
		assert.Equal(t, 4*time.Second, time.Since(began))
		close(v.stuck)
		assert.True(t, s.Close(time.Second), "it has handled what was published before")
		assert.Equal(t, []string{"1", "2"}, v.seen())
	})
}

func TestFlushWaitsForWhatWasPublishedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Stream
		v := &view{}
		s.Observe(Observer{Limit: 10, Handle: func(e Event) {
			time.Sleep(time.Second) // a slow writer
			v.handle(e)
		}})
		publish(&s, 1, 3)
		assert.True(t, s.Flush(time.Minute))
		assert.Equal(t, []string{"1", "2", "3"}, v.seen())
		assert.True(t, s.Close(time.Second))
		assert.True(t, s.Flush(time.Second), "a closed stream has nothing to flush")
	})
}

func TestEverySourceEventHasKind(t *testing.T) {
	for kind := ftpfwd.SessionOpened; kind <= ftpfwd.Changed; kind++ {
		assert.NotZero(t, OfSession(ftpfwd.Event{Kind: kind}).Kind, kind)
	}
	for kind := tunnel.Connecting; kind <= tunnel.Output; kind++ {
		assert.NotZero(t, OfTunnel("gw", tunnel.Event{Kind: kind}).Kind, kind)
	}
}

func TestConversionKeepsEventFields(t *testing.T) {
	at := time.Now()
	got := OfSession(ftpfwd.Event{
		Kind: ftpfwd.TransferEnded, Time: at, Session: 7, Client: "127.0.0.1:5000", Listener: "127.0.0.1:2121",
		Server: "ftp:21", Gateway: "gw", User: "bob", Transfer: ftpfwd.Transfer{Command: "RETR"},
	})
	assert.Equal(t, Event{
		Kind: TransferEnded, Time: at, Session: 7, Client: "127.0.0.1:5000", Listener: "127.0.0.1:2121",
		Server: "ftp:21", Gateway: "gw", User: "bob", Transfer: ftpfwd.Transfer{Command: "RETR"},
	}, got)
	hop := tunnel.Hop{Alias: "jump", User: "ann"}
	assert.Equal(t, Event{Kind: ConnectFailed, Gateway: "gw", Host: hop.String(), Wait: time.Second}, OfTunnel("gw", tunnel.Event{Kind: tunnel.Waiting, Hop: hop, Wait: time.Second}))
	assert.Equal(t, Event{Kind: SSHWarning, Gateway: "gw", Host: hop.String(), Warning: "agent"}, OfTunnel("gw", tunnel.Event{Kind: tunnel.Warning, Hop: hop, Warning: tunnel.AgentWarning}))
}
