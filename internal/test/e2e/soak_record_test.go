//go:build linux

package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// A record is what has happened in a soak. Its methods may be called concurrently.
type record struct {
	over chan struct{} // closed when a client is stuck, or the test cannot continue

	once sync.Once

	mu       sync.Mutex
	windows  []*window
	attempts []attempt
	wrongs   []string // what must not happen, and did
}

// A window is the time in which a fault can affect transfers: until a client is
// served again.
type window struct {
	fault    *fault
	from, to time.Time // to is zero while it is open
}

// An attempt is what has become of a job, or of a login that failed.
type attempt struct {
	job                 job
	name                string // of its upload
	login               bool
	since, began, ended time.Time // since is when its control connection began
	whole               bool      // the client believes so
	err                 error
}

func newRecord() *record { return &record{over: make(chan struct{})} }

// end stops the soak.
func (r *record) end() { r.once.Do(func() { close(r.over) }) }

// ended reports whether the soak is to stop.
func (r *record) ended() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// wrong notes what must not happen.
func (r *record) wrong(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrongs = append(r.wrongs, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// add notes an attempt that ends now.
func (r *record) add(a attempt) {
	a.ended = time.Now()
	if errors.Is(a.err, errStuck) {
		r.wrong("%v, session since %v: %v", a.job, a.since.Format("15:04:05.000"), a.err)
		r.end()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, a)
}

// open notes that a fault begins.
func (r *record) open(f *fault) *window {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := &window{fault: f, from: time.Now()}
	r.windows = append(r.windows, w)
	return w
}

// close notes that windows end.
func (r *record) close(windows []*window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range windows {
		w.to = time.Now()
	}
}

func (w *window) meets(a attempt) bool {
	return w.from.Before(a.ended) && (w.to.IsZero() || w.to.After(a.since))
}

// unexcused returns the failures of clients that no fault has affected.
func (r *record) unexcused() (failures []string) {
	for _, a := range r.attempts {
		disturbed := slices.ContainsFunc(r.windows, func(w *window) bool { return !w.fault.harmless && w.meets(a) })
		if a.err != nil && !disturbed && (a.login || a.job.manner.wantsFile()) {
			failures = append(failures, fmt.Sprintf("%s %v, without a fault: %v", a.ended.Format("15:04:05.000"), a.job, a.err))
		}
	}
	return failures
}

// A tally is a line of the table.
type tally struct {
	injected, tried, whole, failed, loginsFailed int
	longest                                      time.Duration // of the windows
}

func (t *tally) count(a attempt) {
	switch {
	case a.login:
		t.loginsFailed++
		return
	case a.whole:
		t.whole++
	default:
		t.failed++
	}
	t.tried++
}

// table counts the attempts that each fault has affected, and those of each manner.
func (r *record) table() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	met, manners, all, none := map[string]*tally{}, map[string]*tally{}, &tally{}, &tally{}
	of := func(m map[string]*tally, key string) *tally {
		if m[key] == nil {
			m[key] = &tally{}
		}
		return m[key]
	}
	for _, w := range r.windows {
		t := of(met, w.fault.name)
		t.injected++
		t.longest = max(t.longest, w.to.Sub(w.from)) // negative if it has not ended
	}
	for _, a := range r.attempts {
		all.count(a)
		affecting := map[string]bool{}
		for _, w := range r.windows {
			if w.meets(a) {
				affecting[w.fault.name] = true
			}
		}
		for name := range affecting {
			met[name].count(a)
		}
		if len(affecting) == 0 {
			none.count(a)
		}
		if !a.login && a.job.manner != plain {
			t := of(manners, string(a.job.manner))
			t.injected++
			t.count(a)
		}
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "injected\ttried\tsucceeded\tfailed\tlogins failed\tlongest\t  fault (a transfer counts for each that it met)")
	write := func(name string, t *tally) {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%.1fs\t  %s\n", t.injected, t.tried, t.whole, t.failed, t.loginsFailed, t.longest.Seconds(), name)
	}
	for _, m := range []map[string]*tally{met, manners} {
		for _, name := range sorted(m) {
			write(name, m[name])
		}
	}
	write("none", none)
	write("all", all)
	_ = w.Flush()
	return text.String()
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
