package tunnel

import (
	"fmt"
	"sync"
	"time"
)

const (
	// maxUnanswered is how many requests of a kind may be without an answer
	// although nobody waits for one any more. Package ssh cannot withdraw a
	// request, so each costs a goroutine until the server answers.
	maxUnanswered = 32

	// unansweredLimit is after which time such a request will not be answered.
	// An sshd answers when it has connected or TCP has given up, which takes 127
	// seconds on Linux.
	unansweredLimit = 5 * time.Minute
)

// unanswered are the requests of one kind, to open a channel or a port, whose
// callers have given up.
type unanswered struct {
	mu   sync.Mutex
	left map[*question]time.Time // when the caller gave up
}

// A question is one request.
type question struct{ answered bool }

// giveUp records that nobody waits for q any more.
func (u *unanswered) giveUp(q *question) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if q.answered {
		return
	}
	if u.left == nil {
		u.left = make(map[*question]time.Time)
	}
	u.left[q] = time.Now()
}

// answer records that q is answered, or never will be since the link has ended.
func (u *unanswered) answer(q *question) {
	u.mu.Lock()
	defer u.mu.Unlock()
	q.answered = true
	delete(u.left, q)
}

// count returns how many requests are left, and since when the last of them is.
func (u *unanswered) count() (n int, last time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, since := range u.left {
		if since.After(last) {
			last = since
		}
	}
	return len(u.left), last
}

// mayAsk returns an error if so many requests in u are left that there must be no
// further one. If the server will answer none of them, it fails the link: the next
// one may do better, and without an answer this one is of no use.
func (l *link) mayAsk(u *unanswered) error {
	n, last := u.count()
	switch {
	case n < maxUnanswered:
		return nil
	case time.Since(last) < unansweredLimit:
		return fmt.Errorf("%d earlier requests have no answer yet", n)
	}
	l.fail(fmt.Errorf("%d requests without an answer for %v", n, unansweredLimit))
	<-l.done
	return l.err
}
