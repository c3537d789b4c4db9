package ftpfwd

import (
	"slices"
	"sync"
	"time"
)

// methodFailureLasts is for how long a method that failed is tried after the
// others: what refused it may change, and clients are best served with their
// own.
const methodFailureLasts = 10 * time.Minute

// maxCached bounds the servers that are remembered: clients may name them.
const maxCached = 1000

// A methodCache keeps what sessions have learned about each server. Any
// goroutine may use it; the zero value is empty.
type methodCache struct {
	mu      sync.Mutex
	servers map[cacheKey]*serverMethods
}

// A cacheKey names a server and the route to it. It must not hold a Network,
// which the cache would keep alive.
type cacheKey struct{ route, server string }

// of returns what is known of a server.
func (c *methodCache) of(key cacheKey) *serverMethods {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.servers[key]; known != nil {
		return known
	}
	if c.servers == nil || len(c.servers) >= maxCached {
		c.servers = make(map[cacheKey]*serverMethods)
	}
	c.servers[key] = &serverMethods{}
	return c.servers[key]
}

// serverMethods are what the sessions with one server have learned about the
// methods that work with it.
type serverMethods struct {
	mu       sync.Mutex
	attempts map[method]attempt // the last of each
	reported map[string]bool
	tested   bool // the active address was seen to lead here
}

// An attempt is the result of opening a data connection.
type attempt struct {
	worked bool
	at     time.Time
}

// worked reports whether the last data connection by m was opened.
func (c *serverMethods) worked(m method) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts[m].worked
}

// learn notes whether a data connection by m was opened.
func (c *serverMethods) learn(m method, worked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.attempts == nil {
		c.attempts = make(map[method]attempt)
	}
	c.attempts[m] = attempt{worked, time.Now()}
}

// sort puts the methods that have failed lately behind the others.
func (c *serverMethods) sort(methods []method) []method {
	c.mu.Lock()
	defer c.mu.Unlock()
	failed := func(m method) int {
		if last, tried := c.attempts[m]; tried && !last.worked && time.Since(last.at) < methodFailureLasts {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(methods, func(a, b method) int { return failed(a) - failed(b) })
	return methods
}

// addressTested reports whether the active address is known to lead here.
func (c *serverMethods) addressTested() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tested
}

// addressWorks notes that the active address leads here.
func (c *serverMethods) addressWorks() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tested = true
}

// first reports whether it is called for the first time with text.
func (c *serverMethods) first(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reported[text] {
		return false
	}
	if c.reported == nil {
		c.reported = make(map[string]bool)
	}
	c.reported[text] = true
	return true
}
