package tunnel

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	defaultInterval = 15 * time.Second // ServerAliveInterval
	defaultCount    = 3                // ServerAliveCountMax

	keepaliveRequest = "keepalive@openssh.com"
	keepaliveChannel = "keepalive@ftptunnel" // a type that no server knows
)

// startKeepalives makes l and the links that carry it notice that their servers
// do not answer any more. Like ssh, which runs another ssh for a jump host, it
// asks each server as its own hop says; unlike ssh, it asks the last one unless
// that is turned off.
func (l *link) startKeepalives() {
	l.startKeepalive(cmp.Or(l.hop.ServerAliveInterval, defaultInterval))
	for jump := l.via; jump != nil; jump = jump.via {
		jump.startKeepalive(jump.hop.ServerAliveInterval)
	}
}

func (l *link) startKeepalive(interval time.Duration) {
	if count := max(0, cmp.Or(l.hop.ServerAliveCountMax, defaultCount)); interval > 0 {
		l.start(func() { l.keepAlive(interval, count) })
	}
}

// keepAlive asks the server when nothing has been read for interval, and fails the
// link when nothing has been read for interval times count. Any answer keeps the
// link up, even a failure, and so does any other data. With a count of zero the
// server is not asked. A question has a goroutine of its own, since waiting for
// the answer cannot be interrupted, and there is at most one at a time.
//
// A server that is not known to answer is asked at once: package ssh may end the
// connection then (see [peer]), which does no harm while it is new.
func (l *link) keepAlive(interval time.Duration, count int) {
	way, answers := l.peer.way()
	if way == notAsked {
		return
	}
	limit := interval * time.Duration(count)
	timer := time.NewTimer(interval)
	defer timer.Stop()
	replied := make(chan struct{})
	var sent time.Time // zero if no reply is outstanding
	ask := func() {
		sent = time.Now()
		l.startOpen(func() { l.ask(way, replied) })
	}
	if !answers && count > 0 {
		ask()
	}

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
		case count == 0:
			l.fail(fmt.Errorf("nothing received for %v", interval))
			return
		case sent.IsZero():
			ask()
			timer.Reset(interval)
		case idle < limit:
			timer.Reset(min(interval, limit-idle))
		case time.Since(sent) < interval:
			// The clock has jumped, for example after a suspend. The server
			// still has the full interval to reply.
			timer.Reset(interval - time.Since(sent))
		default:
			_, answers := l.peer.way()
			l.fail(&SilentError{Limit: limit, Never: !answers})
			return
		}
	}
}

// ask asks the server and waits for the answer, or the end of the link.
func (l *link) ask(way asking, replied chan<- struct{}) {
	if way == byRequest {
		// An error comes with the end of the link.
		l.request(keepaliveRequest, nil)
	} else {
		l.askByChannel()
	}
	select {
	case replied <- struct{}{}:
	case <-l.done:
	}
}

// request sends a global request (RFC 4254, section 4) and waits for the reply. It
// returns an error if the link has ended, or errNoRequests.
func (l *link) request(name string, payload []byte) (ok bool, reply []byte, err error) {
	if way, _ := l.peer.way(); way != byRequest {
		return false, nil, errNoRequests
	}
	l.awaited[byRequest].Add(1)
	ok, reply, err = l.conn.SendRequest(name, true, payload)
	if err == nil {
		l.awaited[byRequest].Add(-1)
		l.peer.answered(byRequest)
	}
	return ok, reply, err
}

// askByChannel opens a channel of a type that the server rejects.
func (l *link) askByChannel() {
	l.awaited[byChannel].Add(1)
	channel, requests, err := l.conn.OpenChannel(keepaliveChannel, nil)
	if err != nil && !errors.As(err, new(*ssh.OpenChannelError)) {
		return // the link has ended
	}
	l.awaited[byChannel].Add(-1)
	l.peer.answered(byChannel)
	if err == nil {
		l.start(func() { ssh.DiscardRequests(requests) })
		l.sender.add(func() { channel.Close() })
	}
}

// learn returns what the end of the link with err, the error of package ssh, shows
// about the server, or nil.
func (l *link) learn(err error) error {
	if !unimplemented(err) {
		return nil
	}
	for way := range l.awaited {
		if l.awaited[way].Load() > 0 {
			return l.peer.rejected(asking(way))
		}
	}
	return nil
}
