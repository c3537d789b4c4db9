package tunnel

import (
	"fmt"
	"time"
)

// watch asks the server for a sign of life when nothing has been read for
// interval, and fails the link when nothing at all has been read for interval
// times count. Any answer will do, a refusal too. A question has its own
// goroutine, since it cannot be given up, and there is never more than one.
func (l *link) watch(interval time.Duration, count int) {
	limit := interval * time.Duration(count)
	timer := time.NewTimer(interval)
	defer timer.Stop()
	answered := make(chan struct{})
	var asked time.Time // zero if no question is open

	for {
		select {
		case <-l.done:
			return
		case <-answered:
			asked = time.Time{}
			continue
		case <-timer.C:
		}
		silence := l.transport.silence()
		switch {
		case silence < interval:
			timer.Reset(interval - silence)
		case asked.IsZero():
			asked = time.Now()
			l.start(func() {
				// An error comes with the end of the link.
				l.conn.SendRequest("keepalive@openssh.com", true, nil)
				select {
				case answered <- struct{}{}:
				case <-l.done:
				}
			})
			timer.Reset(interval)
		case silence < limit:
			timer.Reset(min(interval, limit-silence))
		case time.Since(asked) < interval:
			// The clock has jumped: the question deserves its time.
			timer.Reset(interval - time.Since(asked))
		default:
			l.fail(fmt.Errorf("no answer for %v", limit))
			return
		}
	}
}
