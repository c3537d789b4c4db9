package tunnel

import (
	"fmt"
	"time"
)

// Defaults for ServerAliveInterval and ServerAliveCountMax. ssh's own default
// is to send nothing; a tunnel that nobody watches has to notice for itself.
const (
	aliveInterval = 15 * time.Second
	aliveCountMax = 3
)

// keepAlive ends l when nothing at all has been read for interval times
// countMax. Where nothing has been read for interval, it asks for an answer:
// any answer will do. A request that is not answered holds up all further ones
// (RFC 4254, 4), so there is never a second.
func (l *link) keepAlive(interval time.Duration, countMax int) {
	if interval == 0 {
		interval = aliveInterval
	}
	if countMax == 0 {
		countMax = aliveCountMax
	}
	limit := interval * time.Duration(countMax)
	last := l.transports[len(l.transports)-1]
	answered := make(chan struct{}, 1)
	asking := false
	for {
		silent := time.Since(time.Unix(0, last.lastRead.Load()))
		wait := interval - silent
		switch {
		case silent >= limit:
			l.fail(fmt.Errorf("no answer for %v", limit))
			return
		case silent >= interval:
			if !asking {
				asking = true
				l.spawn(func() {
					_, _, _ = l.last().SendRequest("keepalive@openssh.com", true, nil)
					answered <- struct{}{}
				})
			}
			wait = min(limit-silent, interval)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-answered:
			asking = false
		case <-l.dead:
			timer.Stop()
			return
		}
		timer.Stop()
	}
}
