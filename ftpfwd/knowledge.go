package ftpfwd

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// A target is the FTP server of a session.
type target struct {
	address string // host:port, as the far network names it
	host    string
	known   *experience // nil until the server is connected
}

func newTarget(address string) *target {
	host, _, _ := net.SplitHostPort(address)
	return &target{address: address, host: host}
}

// OnGateway reports whether server, host:port, is named as the far end's own
// loopback: only then can it connect to a listener there.
func OnGateway(server string) bool {
	host, _, _ := net.SplitHostPort(server)
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

func (t *target) onGateway() bool { return OnGateway(t.address) }

// knowledge is what was learned of each server, and of the way to it.
type knowledge struct {
	mu      sync.Mutex
	servers map[reached]*experience
}

// A reached server is known by its address and the network that it is on.
type reached struct {
	address string
	network Network
}

// maxKnown bounds how many servers are remembered: clients may name them.
const maxKnown = 1000

func (k *knowledge) of(server reached) *experience {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.servers == nil || len(k.servers) >= maxKnown {
		k.servers = make(map[reached]*experience)
	}
	if k.servers[server] == nil {
		k.servers[server] = &experience{}
	}
	return k.servers[server]
}

// An experience is what the sessions with one server have learned about which
// ways work. It is shared by them.
type experience struct {
	mu     sync.Mutex
	ways   map[way]attempt // the last
	told   map[string]bool
	tested bool // the active address was seen to lead here
}

// An attempt is how it went when a way was taken.
type attempt struct {
	worked bool
	at     time.Time
}

// failureLasts is for how long a failed way is put behind the others: what
// refused it may have changed, and clients are best served in their own.
const failureLasts = 10 * time.Minute

// worked reports whether data connections are known to come about this way.
func (e *experience) worked(w way) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ways[w].worked
}

func (e *experience) learn(w way, worked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ways == nil {
		e.ways = make(map[way]attempt)
	}
	e.ways[w] = attempt{worked, time.Now()}
}

// sort puts the ways that have failed lately behind the others.
func (e *experience) sort(ways []way) []way {
	e.mu.Lock()
	defer e.mu.Unlock()
	failed := func(w way) int {
		if last, tried := e.ways[w]; tried && !last.worked && time.Since(last.at) < failureLasts {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ways, func(a, b way) int { return failed(a) - failed(b) })
	return ways
}

// addressTested reports whether the active address was seen to lead here.
func (e *experience) addressTested() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tested
}

func (e *experience) addressWorks() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tested = true
}

// first reports whether text has not been told before.
func (e *experience) first(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told[text] {
		return false
	}
	if e.told == nil {
		e.told = make(map[string]bool)
	}
	e.told[text] = true
	return true
}
