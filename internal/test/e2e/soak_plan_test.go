//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A plan is all that a soak chooses at random. A seed always makes the same plan;
// which fault meets which transfer depends on time.
type plan struct {
	seed    uint64
	files   []int   // their sizes
	jobs    [][]job // of each worker
	slowest int     // the seconds that a slow client may take for a file
	faults  *deck   // dealt for as long as the jobs take
}

// A job is one transfer for a client to do.
type job struct {
	upload  bool
	opener  string // EPSV, PASV, PORT or EPRT
	file    int    // an index of the plan's files
	size    int    // of the file
	rate    int    // bytes a second at which the client moves data; 0 is as fast as possible
	curl    bool
	early   bool // a passive client connects before it sends the command
	relogin bool // the client logs in anew
	manner  manner
	at      float64 // the part of the file after which the manner shows
	pause   time.Duration
	resets  bool
	next    string // the opener that is pipelined
	refused string // which command is pipelined with it, and fails
	members int    // how many transfers end together
}

func (j job) String() string {
	direction, client := "download", "client"
	if j.upload {
		direction = "upload"
	}
	if j.curl {
		client = "curl"
	}
	return fmt.Sprintf("%s %s of file %d by %s, %s at %.2f, %d B/s, early %t", j.opener, direction, j.file, client, j.manner, j.at, j.rate, j.early)
}

// A manner is what a client does in the middle of a transfer.
type manner string

const (
	plain   manner = "nothing unusual"
	resets  manner = "client resets its data"
	hangsUp manner = "client closes its control connection"
	aborts  manner = "client sends ABOR with Synch"
	leaves  manner = "client sends QUIT"
	pauses  manner = "client stops reading or sending"
	ignores manner = "client leaves a data port unused"
	dies    manner = "client is killed"

	pipelines manner = "client pipelines an opener behind a transfer that fails"
	hurries   manner = "client ends a small upload before it reads the 150"
	departs   manner = "client ends an upload and leaves"
	gathers   manner = "several transfers end together"
	deflates  manner = "client uses MODE Z"
)

// wantsFile reports whether a client of this manner wants the whole file.
func (m manner) wantsFile() bool {
	return !slices.Contains([]manner{resets, hangsUp, aborts, dies}, m)
}

// The number of clients at once, and of transfers without SOAK.
const (
	soakWorkers = 15
	soakSlice   = 40
)

// chosen returns SOAK and SOAK_SEED, if they are in the environment: the number of
// jobs and what the plan is made from.
func chosen(t *testing.T) (count int, seed uint64) {
	t.Helper()
	count, seed = soakSlice, rand.Uint64()>>32
	if text := os.Getenv("SOAK"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, "SOAK is a number of transfers")
		count = n
	}
	if text := os.Getenv("SOAK_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "SOAK_SEED is a number")
		seed = n
	}
	t.Logf("SOAK=%d SOAK_SEED=%d", count, seed)
	return count, seed
}

func newPlan(count int, seed uint64) *plan {
	p := &plan{seed: seed, jobs: make([][]job, soakWorkers), slowest: 3, faults: &deck{r: rand.New(rand.NewPCG(seed, 1)), calm: time.Second, long: 12}}
	if count > soakSlice {
		p.slowest = 6
		p.faults.calm, p.faults.long = 3*time.Second, 4 // some transfers are to meet no fault
	}
	r := rand.New(rand.NewPCG(seed, 2))
	p.files = []int{0, 1, 2 + r.IntN(5000), 100 << 10, 100<<10 + 1, 1<<20 + r.IntN(1<<20), 3<<20 + r.IntN(2<<20), 7<<20 + r.IntN(4<<20)}
	for n := range count {
		p.jobs[n%soakWorkers] = append(p.jobs[n%soakWorkers], p.job(r))
	}
	return p
}

// oneOf returns one of choices. One that is named twice is twice as likely.
func oneOf[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

func (p *plan) job(r *rand.Rand) job {
	j := job{
		upload:  r.IntN(2) == 0,
		opener:  oneOf(r, "EPSV", "EPSV", "PASV", "PORT", "EPRT"),
		file:    oneOf(r, 0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 7),
		curl:    r.IntN(6) == 0,
		early:   r.IntN(4) > 0,
		relogin: r.IntN(4) == 0,
		manner: oneOf(r, plain, plain, plain, plain, plain, plain, plain, pauses, pauses, leaves, ignores, resets, hangsUp, aborts,
			pipelines, pipelines, hurries, hurries, departs, departs, gathers, deflates, deflates),
		at:      r.Float64(),
		pause:   time.Duration(200+r.IntN(3000)) * time.Millisecond,
		resets:  r.IntN(2) == 0,
		next:    oneOf(r, openers...),
		refused: oneOf(r, refusals...),
		members: 2 + r.IntN(5),
	}
	if j.curl {
		j.manner = oneOf(r, plain, plain, plain, dies)
	}
	switch j.manner {
	case hurries:
		j.upload, j.file = true, j.file%5
	case departs:
		j.upload, j.file = true, j.file%7
	case gathers:
		j.file %= 6
	case deflates:
		if j.upload {
			j.file %= 5 // ProFTPD inflates less than 50 kB a second
		}
	}
	j.size = p.files[j.file]
	if r.IntN(2) == 0 {
		j.rate = j.size/(1+r.IntN(p.slowest)) + 1
	}
	return j
}

// unusual returns jobs of manners that must succeed without a fault, and that
// programs get wrong.
func (p *plan) unusual(opener string) (jobs []job) {
	add := func(j job, file int) {
		j.opener, j.file, j.size = opener, file, p.files[file]
		jobs = append(jobs, j)
	}
	for i, refused := range refusals {
		for _, next := range openers {
			add(job{manner: pipelines, refused: refused, next: next, upload: i%2 == 0, early: next != opener}, 3)
		}
	}
	for _, choice := range []bool{false, true} {
		add(job{manner: hurries, upload: true, early: choice}, 3)
		add(job{manner: departs, upload: true, resets: choice}, 5)
		add(job{manner: departs, upload: true, resets: choice, at: 1}, 5)
		add(job{manner: gathers, members: 4, upload: choice, resets: choice}, 3)
	}
	add(job{manner: deflates}, 3)
	return jobs
}

// An injection is one fault, or two together.
type injection struct {
	after, lasting time.Duration
	faults         []*fault
	dice           *rand.Rand // its own: how often it is used depends on what the faults meet
}

// A deck deals faults: all of them in a random order, and then again.
type deck struct {
	r     *rand.Rand
	cards []*fault
	calm  time.Duration // the longest time between two injections
	long  int           // one of so many lasts longer than it takes to notice a dead connection
}

func (d *deck) deal() *fault {
	if len(d.cards) == 0 {
		for i := range faults {
			if f := &faults[i]; !f.rare || d.r.IntN(3) == 0 {
				d.cards = append(d.cards, slices.Repeat([]*fault{f}, f.often)...)
			}
		}
		d.r.Shuffle(len(d.cards), func(i, j int) { d.cards[i], d.cards[j] = d.cards[j], d.cards[i] })
	}
	f := d.cards[0]
	d.cards = d.cards[1:]
	return f
}

func (d *deck) injection() injection {
	i := injection{
		after:   time.Duration(d.r.Int64N(int64(d.calm))),
		lasting: time.Duration(d.r.IntN(1500)) * time.Millisecond,
		faults:  []*fault{d.deal()},
		dice:    rand.New(rand.NewPCG(d.r.Uint64(), 0)),
	}
	if d.r.IntN(d.long) == 0 {
		i.lasting += 4 * time.Second
	}
	if d.r.IntN(4) == 0 {
		i.after += 3 * d.calm
	}
	if other := d.deal(); d.r.IntN(3) == 0 && other != i.faults[0] {
		i.faults = append(i.faults, other)
	} else {
		d.cards = append([]*fault{other}, d.cards...)
	}
	return i
}
