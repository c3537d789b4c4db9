//go:build linux

package e2e

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A plan is all that a soak decides by chance. The same seed makes the same one,
// as far as it goes: what meets what is a matter of time.
type plan struct {
	seed     uint64
	files    []int      // their sizes
	errands  [][]errand // of each worker
	slowest  int        // the seconds that a slow client may take for a file
	troubles *deck      // of injections there are as many as there is time for
}

// An errand is one transfer that a client sets out for.
type errand struct {
	upload bool
	opener string // EPSV, PASV, PORT or EPRT
	file   int    // of the plan's
	rate   int    // bytes a second at which the client moves data; 0 is as fast as it can
	curl   bool
	early  bool // a passive client connects before it sends the command
	enters bool // with a control connection of its own
	manner manner
	at     float64 // how far into the file the manner shows
	rests  time.Duration
	resets bool
}

// A manner is how a client behaves in the middle of a transfer.
type manner string

const (
	plain   manner = "nothing odd"
	resets  manner = "client resets its data"
	hangsUp manner = "client closes its control connection"
	aborts  manner = "client sends ABOR with Synch"
	leaves  manner = "client sends QUIT"
	pauses  manner = "client stops reading or sending"
	ignores manner = "client leaves a data port unused"
	dies    manner = "client is killed"
)

// wants reports whether a client of this manner wants the whole file.
func (m manner) wants() bool { return m == plain || m == leaves || m == pauses || m == ignores }

// Clients at once, and transfers in the tests that always run.
const (
	soakWorkers = 15
	soakSlice   = 60
)

// newPlan makes the plan for SOAK transfers from SOAK_SEED, where the
// environment has them.
func newPlan(t *testing.T) *plan {
	t.Helper()
	count, seed := soakSlice, rand.Uint64()>>32
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
	p := &plan{seed: seed, errands: make([][]errand, soakWorkers), slowest: 3, troubles: &deck{r: rand.New(rand.NewPCG(seed, 1)), calm: time.Second, long: 12}}
	if count > soakSlice {
		p.slowest = 6
		p.troubles.calm, p.troubles.long = 3*time.Second, 4 // some transfers are to meet no fault at all
	}
	r := rand.New(rand.NewPCG(seed, 2))
	p.files = []int{0, 1, 2 + r.IntN(5000), 100 << 10, 100<<10 + 1, 1<<20 + r.IntN(1<<20), 3<<20 + r.IntN(2<<20), 7<<20 + r.IntN(4<<20)}
	for n := range count {
		p.errands[n%soakWorkers] = append(p.errands[n%soakWorkers], p.errand(r))
	}
	return p
}

// oneOf returns one of choices; to make one more likely is to name it again.
func oneOf[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

func (p *plan) errand(r *rand.Rand) errand {
	e := errand{
		upload: r.IntN(2) == 0,
		opener: oneOf(r, "EPSV", "EPSV", "PASV", "PORT", "EPRT"),
		file:   oneOf(r, 0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 7),
		curl:   r.IntN(6) == 0,
		early:  r.IntN(4) > 0,
		enters: r.IntN(4) == 0,
		manner: oneOf(r, plain, plain, plain, plain, plain, plain, plain, pauses, pauses, leaves, ignores, resets, hangsUp, aborts),
		at:     r.Float64(),
		rests:  time.Duration(200+r.IntN(3000)) * time.Millisecond,
		resets: r.IntN(2) == 0,
	}
	if r.IntN(2) == 0 {
		e.rate = p.files[e.file]/(1+r.IntN(p.slowest)) + 1
	}
	if e.curl {
		e.manner = oneOf(r, plain, plain, plain, dies)
	}
	return e
}

// An injection is one fault, or two together, after a while and for a while.
type injection struct {
	after, lasting time.Duration
	faults         []*fault
	dice           *rand.Rand // of its own: how often they are cast depends on what is met
}

// A deck deals faults: all of them in an order of chance, and then again.
type deck struct {
	r     *rand.Rand
	cards []*fault
	calm  time.Duration // the most between two injections
	long  int           // one of so many lasts longer than a dead connection takes to be known
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
	if other := d.deal(); d.r.IntN(3) == 0 && other != i.faults[0] {
		i.faults = append(i.faults, other)
	} else {
		d.cards = append([]*fault{other}, d.cards...)
	}
	return i
}
