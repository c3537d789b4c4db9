package tunnel

import "sync"

// A sender sends the messages of a link for which nobody waits: the end of a
// channel and the rejection of one. It sends them in the order of add, one at a
// time. They are not part of any channel's flow control, so a message blocks only
// while the server reads nothing at all.
type sender struct {
	mu    sync.Mutex
	queue []message
	last  chan struct{} // closed once the message that was added last is sent; nil if there was none
	more  chan struct{} // has a value if queue is not empty
}

type message struct {
	send func()
	sent chan struct{}
}

func newSender() *sender { return &sender{more: make(chan struct{}, 1)} }

// add queues a message. It does not block.
func (s *sender) add(send func()) {
	m := message{send, make(chan struct{})}
	s.mu.Lock()
	s.queue = append(s.queue, m)
	s.last = m.sent
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// flushed returns a channel that is closed once everything that was added before
// the call has been sent.
func (s *sender) flushed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return nothingQueued
	}
	return s.last
}

var nothingQueued = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// run sends messages until done is closed.
func (s *sender) run(done <-chan struct{}) {
	for {
		select {
		case <-s.more:
		case <-done:
			return
		}
		s.mu.Lock()
		queue := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, m := range queue {
			m.send()
			close(m.sent)
		}
	}
}
