package tunnel

import (
	"fmt"
	"time"
)

// keepAlive sends a keepalive@openssh.com request when nothing has been read for
// interval, and fails the link when nothing has been read for interval times
// count. Any reply keeps the link up, even a failure, and so does any other
// data. A request has a goroutine of its own, since waiting for its reply
// cannot be interrupted, and there is at most one at a time.
func (l *link) keepAlive(interval time.Duration, count int) {
	limit := interval * time.Duration(count)
	timer := time.NewTimer(interval)
	defer timer.Stop()
	replied := make(chan struct{})
	var sent time.Time // zero if no reply is outstanding

	for {
		select {
		case <-l.done:
			return
		case <-replied:
			sent = time.Time{}
			continue
		case <-timer.C:
		}
		idle := l.transport.idle()
		switch {
		case idle < interval:
			timer.Reset(interval - idle)
		case sent.IsZero():
			sent = time.Now()
			l.start(func() { l.requestKeepalive(replied) })
			timer.Reset(interval)
		case idle < limit:
			timer.Reset(min(interval, limit-idle))
		case time.Since(sent) < interval:
			// The clock has jumped, for example after a suspend. The server
			// still has the full interval to reply.
			timer.Reset(interval - time.Since(sent))
		default:
			l.fail(fmt.Errorf("no answer for %v", limit))
			return
		}
	}
}

func (l *link) requestKeepalive(replied chan<- struct{}) {
	// An error comes with the end of the link.
	l.conn.SendRequest("keepalive@openssh.com", true, nil)
	select {
	case replied <- struct{}{}:
	case <-l.done:
	}
}
