package ftpfwd

import "time"

// A leave is how a client ends the session when it has written its uploads.
type leave int

const (
	leaveNot       leave = iota
	leaveClose           // it closes the control connection
	leaveReset           // it resets it
	leaveQuit            // it sends QUIT, and closes it
	leaveQuitReset       // it sends QUIT, and resets it
)

// newLeave reads a leave from a byte.
func newLeave(b byte) leave {
	if b>>6 != 3 {
		return leaveNot
	}
	return leaveClose + leave(b&3)
}

// leave ends the session once the client has written all of its uploads and their
// ends, whatever it has received.
func (c *conversation) leave(st *step) {
	client := c.client
	client.flush(st)
	client.await(20*time.Second, func() bool {
		for _, a := range client.sent {
			if m := a.transfer; m != nil && m.step.upload && !m.whole && !m.done {
				return false
			}
		}
		return true
	})
	time.Sleep(10 * time.Millisecond) // the forwarder has accepted the connections
	if st.leave >= leaveQuit {
		client.queue(st, classPassed, "QUIT\r\n")
		client.flush(st)
	}
	client.mu.Lock()
	c.sent = make(map[int]bool)
	for _, a := range client.sent {
		if m := a.transfer; m != nil && m.step.upload && m.whole {
			c.sent[m.step.tag] = true
		}
	}
	client.mu.Unlock()
	if st.leave == leaveReset || st.leave == leaveQuitReset {
		reset(client.conn)
	} else {
		_ = client.conn.Close()
	}
	client.await(modelTimeout, func() bool { return client.ended })
	c.interrupted = true
}

// leftBehind checks that the server has received an upload which the client had
// written whole before it left, and the end of the control connection behind it.
// What the server ends itself, or has no data connection for, is no such upload.
func (m *model) leftBehind(x *exchange, s *serverTransfer) {
	if !m.sent[x.step.tag] || x.received == nil || !x.accepted || x.step.fault != faultNone {
		return
	}
	if s != nil && s.abortedByMistake {
		return
	}
	m.plan.assert(s != nil, "%q: no data arrives from a client that has left", x.raw)
	if s != nil {
		m.plan.assert(!s.overtaken.Load(), "%q: the end of the control connection overtakes the data", x.raw)
		m.plan.assert(s.whole && len(s.data) == len(x.transfer.data), "%q: %d of %d bytes arrive from a client that has left, end %v", x.raw, len(s.data), len(x.transfer.data), s.whole)
	}
}
