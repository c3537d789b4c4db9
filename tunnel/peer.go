package tunnel

import (
	"errors"
	"strings"
	"sync"
)

// A peer is what a tunnel has learned of the SSH server of a hop. Later links to
// it know that from the beginning.
type peer struct {
	mu      sync.Mutex
	asked   asking
	answers bool // it has answered when it was asked so
}

// An asking is the way in which a server is asked whether it is still there. Any
// answer will do.
type asking int

const (
	byRequest asking = iota // with a global request, as ssh does
	byChannel               // with a channel of a type that it does not know
	notAsked
)

// errNoRequests reports that a global request was not sent, since the server does
// not implement them.
var errNoRequests = errors.New("the server does not implement global requests")

// way returns how to ask the server, and whether it is known to answer that.
func (p *peer) way() (a asking, answers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.answers
}

// answered records that the server has answered what it was asked.
func (p *peer) answered(a asking) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = p.answers || p.asked == a
}

// rejected records that the server does not implement what it was asked, and
// returns the consequence.
func (p *peer) rejected(a asking) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.answers = max(p.asked, a+1), false
	if a == byRequest {
		return errors.New("the server does not implement global requests, and golang.org/x/crypto/ssh ends the connection when it says so: " +
			"it is sent none any more, is asked with a channel whether it is still there, and opens no ports")
	}
	return errors.New("the server does not implement what it is asked to find out whether it is still there: it is not asked any more")
}

// unimplemented reports whether err is the error with which package ssh ends a
// connection because the server has sent SSH_MSG_UNIMPLEMENTED, message 3 (RFC
// 4253, section 11.4). It has no type.
func unimplemented(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "ssh: unexpected message type 3 ")
}
