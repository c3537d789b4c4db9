package ftpfwd

import (
	"context"
	"slices"
	"time"
)

// A SessionInfo describes a session at one moment.
type SessionInfo struct {
	ID        int64 // as in [Event].Session
	Client    string
	Listener  string
	Server    string
	Gateway   string
	User      string
	Opened    time.Time
	Left      bool       // the client has ended its control connection
	State     string     // what the session does: connecting, greeting, relaying, closing ...
	Transfers []Transfer // without a final reply, oldest first; Moved returns their progress
}

// snapshotRequest is the event that somebody asks for a description.
type snapshotRequest struct {
	reply chan<- SessionInfo // with room for it
}

func (e snapshotRequest) apply(_ context.Context, s *session) {
	from := &s.source
	info := SessionInfo{
		ID: from.session, Client: from.client, Listener: from.listener, Server: from.server, Gateway: from.gateway,
		Opened: s.began, Left: s.client.ended, State: s.phase.String(),
	}
	if from.loggedIn {
		info.User = shownUser(from.user)
	}
	for _, t := range s.transfers {
		running := t.Transfer
		running.Bytes, running.Duration = t.moved(), time.Since(t.began)
		info.Transfers = append(info.Transfers, from.secrets.transfer(running))
	}
	e.reply <- info
}

// Sessions describes the sessions that are open, in the order in which they were
// opened. Each session's own goroutine answers; one that does not before ctx is
// done is left out. Any goroutine may call it.
func (f *Forwarder) Sessions(ctx context.Context) []SessionInfo {
	f.mu.Lock()
	sessions := make([]*session, 0, len(f.sessions))
	for s := range f.sessions {
		sessions = append(sessions, s)
	}
	f.mu.Unlock()
	replies := make(chan SessionInfo, len(sessions))
	asked := 0
	for _, s := range sessions {
		select {
		case s.events <- snapshotRequest{replies}:
			asked++
		case <-s.stopped:
		case <-ctx.Done():
		}
	}
	infos := make([]SessionInfo, 0, asked)
	for range asked {
		infos = append(infos, <-replies)
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int { return int(a.ID - b.ID) })
	return infos
}

// enlist notes that s is open; the function that it returns ends that.
func (f *Forwarder) enlist(s *session) (delist func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sessions == nil {
		f.sessions = make(map[*session]struct{})
	}
	f.sessions[s] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.sessions, s)
	}
}
