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

// A record is what has happened in a soak. Its methods may be called from
// several goroutines.
type record struct {
	over chan struct{} // closed when a client is stuck, or the test cannot go on

	once sync.Once

	mu       sync.Mutex
	windows  []*window
	ventures []venture
	wrongs   []string // what must not happen, and did
}

// A window is the time in which a fault can have been felt: until a client has
// come through again.
type window struct {
	fault    *fault
	from, to time.Time // to is zero while it is open
}

// An venture is what has become of an errand, or of a login that failed.
type venture struct {
	errand                errand
	login                 bool
	entered, began, ended time.Time // entered is when its control connection began
	whole                 bool      // so the client believes
	err                   error
}

func newRecord() *record { return &record{over: make(chan struct{})} }

// end has everybody stop.
func (r *record) end() { r.once.Do(func() { close(r.over) }) }

// ended reports whether everybody has to stop.
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

// add notes a venture that is over now.
func (r *record) add(o venture) {
	o.ended = time.Now()
	if errors.Is(o.err, errStuck) {
		r.wrong("%v, session since %v: %v", o.errand, o.entered.Format("15:04:05.000"), o.err)
		r.end()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ventures = append(r.ventures, o)
}

// open notes that a fault begins.
func (r *record) open(f *fault) *window {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := &window{fault: f, from: time.Now()}
	r.windows = append(r.windows, w)
	return w
}

// close notes that windows are over.
func (r *record) close(windows []*window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range windows {
		w.to = time.Now()
	}
}

func (w *window) meets(o venture) bool {
	return w.from.Before(o.ended) && (w.to.IsZero() || w.to.After(o.entered))
}

// unexcused returns the failures that nothing has caused.
func (r *record) unexcused() (failures []string) {
	for _, o := range r.ventures {
		disturbed := slices.ContainsFunc(r.windows, func(w *window) bool { return !w.fault.harmless && w.meets(o) })
		if o.err != nil && !disturbed && (o.login || o.errand.manner.wants()) {
			failures = append(failures, fmt.Sprintf("%s %v, in undisturbed times: %v", o.ended.Format("15:04:05.000"), o.errand, o.err))
		}
	}
	return failures
}

func (e errand) String() string {
	direction, client := "download", "client"
	if e.upload {
		direction = "upload"
	}
	if e.curl {
		client = "curl"
	}
	return fmt.Sprintf("%s %s of file %d by %s, %s at %.2f, %d B/s, early %t", e.opener, direction, e.file, client, e.manner, e.at, e.rate, e.early)
}

// A tally is a line of the table.
type tally struct {
	injected, tried, whole, failed, turnedAway int
	longest                                    time.Duration // of the windows
}

func (t *tally) count(o venture) {
	switch {
	case o.login:
		t.turnedAway++
		return
	case o.whole:
		t.whole++
	default:
		t.failed++
	}
	t.tried++
}

// table counts what each fault was felt by, and what each manner has led to.
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
		t.longest = max(t.longest, w.to.Sub(w.from)) // negative if it was not over
	}
	for _, o := range r.ventures {
		all.count(o)
		felt := map[string]bool{}
		for _, w := range r.windows {
			if w.meets(o) {
				felt[w.fault.name] = true
			}
		}
		for name := range felt {
			met[name].count(o)
		}
		if len(felt) == 0 {
			none.count(o)
		}
		if !o.login && o.errand.manner != plain {
			t := of(manners, string(o.errand.manner))
			t.injected++
			t.count(o)
		}
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "injected\ttried\tsucceeded\tfailed\tlogins failed\tlongest\t  fault (a transfer counts for each that it met)")
	write := func(name string, t *tally) {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%.1fs\t  %s\n", t.injected, t.tried, t.whole, t.failed, t.turnedAway, t.longest.Seconds(), name)
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
